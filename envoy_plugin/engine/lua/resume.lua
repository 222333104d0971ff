-- queue, who, lease in ms (0: the job's own), details -> what was handed out
local function runs_in(queue, job) return job and job.state == 'running' and job.queue == queue and not has(job, 'e') end
-- The job of this queue that runs and was made first; the index doesn't know what this call has begun or ended.
local function first_running(queue)
  local at, id = 0, false
  repeat
    id = call('ZRANGE', P .. 'running:' .. queue, at, at)[1]
    at = at + 1
  until not id or runs_in(queue, load(id))
  for other, job in pairs(jobs) do if runs_in(queue, job) and (not id or other < id) then id = other end end
  return id and jobs[id]
end
function V.resume(queue, who, lease, details)
  local job = first_running(queue)
  if job then
    if lease ~= '0' then lease_again(job, tonumber(lease)) end
    return handed({job}, (read_payloads({job}, queue)))
  end
  local got, chosen = hand_out(queue, 1, who, tonumber(lease), true)
  if got[1][1] then keep_blob(chosen[1], 'details:' .. chosen[1].attempt, details) end
  return got
end
