-- id, attempt, claim, version, reason ('' none), outcome
function V.succeed(id, attempt, claim, version, reason, outcome)
  local job, why, state = admit(FROM.succeed, id, attempt, claim, version)
  if not job then return nil, why, state end
  keep_blob(job, 'outcome:' .. job.attempt, outcome)
  if reason ~= '' then put(job, 'reason', reason) end
  move(job, 'succeeded', 'succeeded', reason ~= '' and reason or nil, stamp)
  return job.state
end
