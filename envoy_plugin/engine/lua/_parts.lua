-- The group `rare`: what hangs on a job, read at its first use: records of attempts that are over, dependents with their policies, children with
-- their states, kept blobs by name, and gates.
local function read_once(job, slot, there, kind)
  if not job[slot] then
    local all, found = job.stored and there and call('HGETALL', key(kind, job)) or {}, {}
    for i = 1, #all, 2 do found[all[i]] = all[i + 1] end
    for name, value in pairs(job.late and job.late[slot] or {}) do found[name] = value or nil end
    job[slot] = found
  end
  return job[slot]
end
-- Changes a collection that may be large without reading it: what isn't read yet has what this call changed in job.late. A value of
-- false: it went.
function rare.amend(job, slot, name, value)
  local all = job[slot]
  if not all then
    job.late = job.late or {}
    all = job.late[slot] or {}
    job.late[slot] = all
  else value = value or nil end
  all[name] = value
end
function rare.past(job) return read_once(job, 'past', has(job, 'a'), 'attempts:') end
function rare.edges(job) return read_once(job, 'down', has(job, 'd'), 'dependents:') end
function rare.refs(job) return read_once(job, 'refs', has(job, 'k'), 'refs:') end
function rare.kids(job) return read_once(job, 'kids', has(job, 'e'), 'children:') end
function rare.doors(job)
  if not job.doors then
    for field in pairs(read_once(job, 'doors', has(job, 'g') and job.gates > 0, 'job:')) do
      if not field:find(':', 1, true) then job.doors[field] = nil end
    end
  end
  return job.doors
end
-- A rare thing that it no longer has.
function rare.unmark(job, letter) if has(job, letter) then put(job, 'more', (job.more:gsub(letter, ''))) end end
