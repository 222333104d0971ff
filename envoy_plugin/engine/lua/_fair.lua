-- The group `fair`: queues that serve installs in turn.
-- The place in a queue that serves installs in turn, given when a job becomes available: one turn after its install's last, and not
-- before the turn that is being served. Each priority has turns of its own.
local function turns_of(queue)
  local all = turns[queue]
  if not all then all = {known = {}, new = {}} turns[queue] = all end
  return all
end
function fair.set_turn(queue, field, turn)
  local all = turns_of(queue)
  all.known[field], all.new[field] = turn, whole(turn)
end
function fair.turn_of(job)
  local class, known = job.rank:sub(1, 1), turns_of(job.queue).known
  local mine = class .. job.install
  if not (known[mine] and known[class]) then
    local found = call('HMGET', P .. 'turns:' .. job.queue, mine, class)
    known[mine], known[class] = known[mine] or tonumber(found[1] or 0), known[class] or tonumber(found[2] or 0)
  end
  fair.set_turn(job.queue, mine, math.max(known[mine], known[class]) + 1)
  put(job, 'rank', class .. string.format('%015d', known[mine]))
  return job.rank
end
