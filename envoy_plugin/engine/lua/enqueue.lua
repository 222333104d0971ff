-- id, queue, kind, install, priority, due ('' now, '+ms' from now, else ms), retries, backoff ('' none), payload, then (fact, value)*
-- A key that is held is no refusal: it answers the job that holds it. So the same call twice is the same job once.
function V.enqueue(id, queue, kind, install, priority, due, left, backoff, payload, ...)
  local facts, unique = {...}, false
  for i = 1, #facts, 2 do if facts[i] == 'unique' then unique = facts[i + 1] end end
  local known = unique and owner(unique) or (jobs[id] or call('EXISTS', P .. 'job:' .. id) == 1) and id
  if known then
    local job = load(known)
    return {known, job and job.state or 'gone', 0}
  end
  local job = create(id, queue, kind, install, priority)
  put(job, 'left', tonumber(left))
  if backoff ~= '' then put(job, 'backoff', backoff) end
  if due ~= '' then put(job, 'due', due:sub(1, 1) == '+' and now + due:sub(2) or tonumber(due)) end
  for i = 1, #facts, 2 do put(job, facts[i], is_number(facts[i]) and tonumber(facts[i + 1]) or facts[i + 1]) end
  if payload == '' then put(job, 'bare', '1') else payloads[#payloads + 1] = key('payload:', job) payloads[#payloads + 1] = payload end
  if unique then own(unique, id) end
  settle(job, 'enqueued')
  return {id, job.state, 1}
end
