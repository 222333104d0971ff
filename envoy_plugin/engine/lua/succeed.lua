-- id, attempt, claim, version, reason ('' none), outcome, details, log (a blob's ref, '' none)
function V.succeed(id, attempt, claim, version, reason, outcome, details, log)
  local job, why, state = admit_end(FROM.succeed, log, id, attempt, claim, version)
  if not job then return nil, why, state end
  keep_end(job, outcome, details, log)
  if reason ~= '' then put(job, 'reason', reason) end
  move(job, 'succeeded', 'succeeded', reason ~= '' and reason or nil, stamp)
  return job.state
end
