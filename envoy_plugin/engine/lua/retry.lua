-- id, attempt, version, retries left ('' unchanged). An ended job gets a new attempt; the report of its last end is superseded.
local function bytes_are_gone(holder) return not holder.bare and call('EXISTS', key('payload:', holder)) == 0 end
local function keep_bytes(holder)
  later('PERSIST', key('payload:', holder))
  if has(holder, 'b') then later('PERSIST', key('blobs:', holder)) end
end
function V.retry(id, attempt, version, left)
  local job, why, state = admit(FROM.retry, id, attempt, nil, version)
  if not job then return nil, why, state end
  local debtor = debtor_of(job)
  if has(job, 'r') and not (debtor and ENDED[debtor.state] and id == debtor.id .. '.' .. debtor.attempt) then return nil, 'superseded', job.state end
  if bytes_are_gone(debtor or job) then return nil, 'payload_gone', job.state end
  if has(job, 'u') and (owner(job.unique) or id) ~= id then return nil, 'key_taken', job.state end
  local debt = has(job, 'o') and load(job.id .. '.' .. job.attempt)
  if debt and not ENDED[debt.state] then
    put(debt, 'reason', 'superseded')
    move(debt, 'cancelled', 'cancelled', 'superseded', stamp)
  end
  keep_bytes(job)
  if debtor then keep_bytes(debtor) end
  next_attempt(job, job.state)
  put(job, 'due', 0)
  if left ~= '' then put(job, 'left', tonumber(left)) end
  if has(job, 'u') then own(job.unique, id) end
  settle(job, 'retried')
  return {job.state, job.attempt}
end
