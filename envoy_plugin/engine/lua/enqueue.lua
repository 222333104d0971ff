-- id, queue, kind, install, priority, due ('' now, '+ms' from now, else ms), retries, backoff ('' none), payload, then (fact, value)*
-- A key that is held is no refusal: it answers the job that holds it. So the same call twice is the same job once.
-- Why a job with these gates can't be: an envelope or an upstream that isn't there, or a cycle. Only a child can close one.
local function why_not(id, parent, upstreams)
  local envelope = parent and load(parent)
  if parent and not envelope then return 'no_job', parent end
  if parent and not has(envelope, 'e') then return 'no_envelope', envelope.state end
  if parent and ENDED[envelope.state] then return 'wrong_state', envelope.state end
  for _, upstream in ipairs(upstreams) do
    if not load(upstream) then return 'no_job', upstream end
    if parent then
      local why, way = rare.closes_cycle(upstream, id, parent)
      if why then return why, way end
    end
  end
end
local function add_facts(job, facts)
  local ended = false
  for i = 1, #facts, 2 do
    local field, value = facts[i], facts[i + 1]
    local kind, name = field:sub(1, 5), field:sub(6)
    if kind == 'wait:' then ended = rare.wait_for(job, load(name), value) or ended
    elseif kind == 'hold:' then rare.hold(job, name, value)
    else put(job, field, is_number(field) and tonumber(value) or value) end
  end
  return ended
end
function V.enqueue(id, queue, kind, install, priority, due, left, backoff, payload, ...)
  local facts, upstreams, unique, lane, parent = {...}, {}, false, false, false
  for i = 1, #facts, 2 do
    local field, value = facts[i], facts[i + 1]
    if field == 'unique' then unique = value elseif field == 'lane' then lane = value elseif field == 'parent' then parent = value
    elseif field:sub(1, 5) == 'wait:' then upstreams[#upstreams + 1] = field:sub(6) end
  end
  local known = unique and owner('unique:' .. unique) or (jobs[id] or call('EXISTS', P .. 'job:' .. id) == 1) and id
  if known then
    local job = load(known)
    return {known, job and job.state or 'gone', 0}
  end
  if lane and parent then upstreams[#upstreams + 1] = owner('lane:' .. lane) or nil end
  local why, state = why_not(id, parent, upstreams)
  if why then return nil, why, state end
  local job = create(id, queue, kind, install, priority)
  put(job, 'left', tonumber(left))
  if backoff ~= '' then put(job, 'backoff', backoff) end
  if due ~= '' then put(job, 'due', due:sub(1, 1) == '+' and now + due:sub(2) or tonumber(due)) end
  local ended = facts[1] and add_facts(job, facts)
  if payload == '' then put(job, 'bare', '1') else payloads[#payloads + 1] = key('payload:', job) payloads[#payloads + 1] = payload end
  if unique then own('unique:' .. unique, id) end
  if lane then rare.join_lane(job) end
  settle(job, 'enqueued')
  if ended then
    put(job, 'reason', 'upstream')
    move(job, 'cancelled', 'cancelled', 'upstream', stamp)
  end
  return {id, job.state, 1}
end
