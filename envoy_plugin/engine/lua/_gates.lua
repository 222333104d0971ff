-- The group `rare`: gates. One number decides whether a job is blocked; the fields hold:NAME, wait:UPSTREAM and lane:THE ONE BEFORE say why.
function rare.shut(job, gate, value)
  rare.doors(job)[gate] = value
  later('HSET', key('job:', job), gate, value)   -- in its order with the HDEL of `open`
  put(job, 'gates', job.gates + 1)
  mark(job, 'g')
end
function rare.open(job, gate)
  local kind, name = gate:sub(1, 5), gate:sub(6)
  if kind == 'hold:' and rare.doors(job)[gate] ~= '0' then later('ZREM', P .. 'timers', job.id .. ' ' .. gate) end
  if kind == 'wait:' then
    local upstream = load(name)
    if upstream then rare.amend(upstream, 'down', job.id, false) end
    later('HDEL', P .. 'dependents:' .. name, job.id)
  end
  rare.doors(job)[gate] = nil
  later('HDEL', key('job:', job), gate)
  put(job, 'gates', job.gates - 1)
end
function rare.hold(job, name, till)
  if till ~= '0' then later('ZADD', P .. 'timers', till, job.id .. ' hold:' .. name) end
  rare.shut(job, 'hold:' .. name, till)
end
-- Whether it may end before it was claimed.
function rare.may_skip(job)
  return has(job, 's') and (job.state == 'available' or job.state == 'blocked' and job.gates == 1 and rare.doors(job)['hold:run'])
end
-- A changed fact: a waiting job is settled again, a running one remembers it, an ended one keeps it for its retry.
function rare.changed(job, event, detail)
  if job.state == 'running' then move(job, 'running', event, detail) elseif not ENDED[job.state] then settle(job, event, detail) end
end
-- Does this job have to wait for one of the goals? An envelope waits for its children. Answers the way there, or false, or nil
-- where there are too many jobs to tell; seen[1] counts them, at most as many as one call changes.
local function way_to(goals, id, seen)
  if goals[id] then return {id} end
  local job = load(id)
  if not job or seen[id] or ENDED[job.state] then return false end
  seen[id], seen[1] = true, seen[1] + 1
  if seen[1] > MOST then return nil end
  local ahead = {}
  for gate in pairs(rare.doors(job)) do if gate:sub(1, 5) ~= 'hold:' then ahead[#ahead + 1] = gate:sub(6) end end
  for child, state in pairs(has(job, 'e') and rare.kids(job) or {}) do
    if state == 'blocked' or state == 'running' then ahead[#ahead + 1] = child end   -- in no other state it waits for anybody
  end
  for _, other in ipairs(ahead) do
    local way = way_to(goals, other, seen)
    if way then table.insert(way, 1, id) end
    if way or way == nil then return way end
  end
  return false
end
-- Why a job (of this envelope) can't wait for an upstream; nothing where it can. Each job of a cycle waits for the next.
function rare.closes_cycle(upstream, id, parent)
  local goals, child = {[id] = true}, id
  while parent do
    goals[parent], child = child, parent
    parent = load(parent).parent
  end
  local way = way_to(goals, upstream, {0})
  if way == nil then return 'too_many' end
  if not way then return end
  if way[#way] ~= id then table.insert(way, 1, id) end
  while goals[way[#way]] ~= true and goals[way[#way]] ~= id do way[#way + 1] = goals[way[#way]] end   -- an envelope, and so to its child
  return 'cycle', table.concat(way, ' ')
end
-- Makes a job wait for another, unless that one's end lets it run already. Answers true where the policy ends the job instead.
function rare.wait_for(job, upstream, policy)
  if upstream.state == 'succeeded' or ENDED[upstream.state] and policy == 'run' then return false end
  if ENDED[upstream.state] and policy == 'cancel' then return true end
  rare.shut(job, 'wait:' .. upstream.id, policy)
  mark(upstream, 'd')
  rare.amend(upstream, 'down', job.id, policy)
  later('HSET', key('dependents:', upstream), job.id, policy)
  return false
end
-- A lane is a chain: each job waits for the one before, which knows its next; the lane's owner is the last.
local function link(before, job)
  rare.shut(job, 'lane:' .. before.id, '1')
  put(before, 'next', job.id)
end
function rare.join_lane(job)
  local last = owner('lane:' .. job.lane)
  if last and last ~= job.id and load(last) then link(load(last), job) end
  own('lane:' .. job.lane, job.id)
end
function rare.leave_lane(job)
  local after, before = job.next and job.next ~= '-' and load(job.next), false
  for gate in pairs(rare.doors(job)) do if gate:sub(1, 5) == 'lane:' then before = load(gate:sub(6)) end end
  if before then
    rare.open(job, 'lane:' .. before.id)
    put(before, 'next', '-')
  end
  if after then
    rare.open(after, 'lane:' .. job.id)
    put(job, 'next', '-')
    if before then link(before, after) end   -- ended while waiting: the next one waits for the one before
    rare.changed(after, 'lane', job.id)
  elseif owner('lane:' .. job.lane) == job.id then own('lane:' .. job.lane, before and before.id or false) end
end
-- The end of one job is the end of what others waited for, the older first; what one call can't do is left to the next sweep.
function rare.settle_dependents(job)
  local ids = {}
  for id in pairs(rare.edges(job)) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local policy, dependent = rare.edges(job)[id], load(id)
    local opens, ends = job.state == 'succeeded' or policy == 'run', policy == 'cancel' and not ENDED[dependent.state]
    if opens or ends then changes = changes + 1 end
    if changes > MOST then
      later('SADD', P .. 'unsettled', job.id)
      return false
    elseif opens then
      rare.open(dependent, 'wait:' .. job.id)
      rare.changed(dependent, 'dependency_met', job.id)
    elseif ends then
      put(dependent, 'reason', 'upstream')
      move(dependent, 'cancelled', 'cancelled', 'upstream', stamp)
    end
  end
  return true
end
