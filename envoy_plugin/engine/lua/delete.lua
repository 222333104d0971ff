-- id, attempt -> 1 where the job went with it, else 0
function V.delete(id, attempt)
  local job, n = load(id), tonumber(attempt)
  local record = job and n < job.attempt and rare.past(job)[attempt]
  if not job or n > job.attempt or n < job.attempt and not record or n == job.attempt and has(job, 'x') then return nil, 'not_found' end
  if n == job.attempt and not ENDED[job.state] then return nil, 'wrong_state', job.state end
  -- What follows the end of a child may be another try of it.
  local parent = n == job.attempt and has(job, 'o') and has(job, 'c') and load(job.parent)
  if parent and not ENDED[parent.state] then return nil, 'envelope_open', job.state end
  local kept = math.max(job.kept, 1) - 1
  if kept == 0 and not needed(job) then
    forget(job)
    return 1
  end
  put(job, 'kept', kept)
  if record then
    rare.past(job)[attempt] = nil
    later('HDEL', key('attempts:', job), attempt)
  else mark(job, 'x') end
  if record or not debts.is_owed(job) then   -- else its report tells the outcome
    if has(job, 'b') then later('HDEL', key('blobs:', job), 'details:' .. attempt, 'outcome:' .. attempt) end
    drop_ref(job, 'log:' .. attempt)
  end
  if kept == 0 then move(job, job.state, nil, nil, '0') end   -- at the next retire
  return 0
end
