-- Runs the call, then writes: one HSET a job, one ZREM and one ZADD an index, one token a queue. No other code writes.
local reply, at, refused = {}, 4, false
while ARGV[at] do
  local n = tonumber(ARGV[at + 1])
  local answer, why, state = V[ARGV[at]](unpack(ARGV, at + 2, at + 1 + n))
  if answer == nil then refused = true answer = {'!', why, ARGV[at + 2], state or '-'} end
  reply[#reply + 1] = answer
  at = at + 2 + n
end
if refused and ARGV[2] == 'all' then return reply end
local closed = 0
while emptied and emptied[closed + 1] do   -- the end of one may be that of the one around it
  closed = closed + 1
  rare.close(emptied[closed])
end
local out, into = {}, {}
local function list_of(lists, index)
  local list = lists[index]
  if not list then list = {} lists[index] = list end
  return list
end
local function leave(index, id)
  local leaving = list_of(out, index)
  leaving[#leaving + 1] = id
end
local function enter(index, place, id)
  local entering = list_of(into, index)
  local n = #entering
  entering[n + 1], entering[n + 2] = place, id
end
local function change_sides(job)
  if job.state == job.was and job.queue == job.of then return end
  for _, side in ipairs(sides_of(job, job.was, job.of)) do leave(side, job.id) end
  for _, side in ipairs(sides_of(job, job.state, job.queue)) do enter(side, '0', job.id) end
end
for id, job in pairs(jobs) do
  if job and job.n > 0 then
    call('HSET', P .. 'job:' .. id, unpack(job.flat, 1, job.n))
    if job.more then change_sides(job) end
  end
  if job and job.moved then
    local home, was = home_of(job.state, job.queue), job.was and home_of(job.was, job.of)
    if was and was ~= home then leave(was, id) end
    enter(home, job.place, id)
    if job.state == 'available' then woken[job.queue] = true end
  end
end
for index, ids in pairs(out) do call('ZREM', index, unpack(ids)) end
for index, places in pairs(into) do call('ZADD', index, unpack(places)) end
if payloads[1] then call('MSET', unpack(payloads)) end
for i = 1, #writes do call(unpack(writes[i])) end
for queue, all in pairs(turns) do
  local facts = {}
  for field, turn in pairs(all.new) do facts[#facts + 1] = field facts[#facts + 1] = turn end
  if facts[1] then call('HSET', P .. 'turns:' .. queue, unpack(facts)) end
end
for i = 1, #gone, 1000 do call('UNLINK', unpack(gone, i, math.min(i + 999, #gone))) end   -- unpack bears 8,000
for queue in pairs(woken) do
  if queue:find(':', 1, true) then call('SADD', P .. 'queues', queue)   -- its claimant asks when it wants to
  elseif call('EXISTS', P .. 'wake:' .. queue) == 0 then
    call('LPUSH', P .. 'wake:' .. queue, 1)
    call('SADD', P .. 'queues', queue)
  end
end
return reply
