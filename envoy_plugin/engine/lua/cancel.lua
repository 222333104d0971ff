-- id, attempt, version, reason
function V.cancel(id, attempt, version, reason)
  local job, why, state = admit(FROM.cancel, id, attempt, nil, version)
  if not job then return nil, why, state end
  put(job, 'reason', reason)
  move(job, 'cancelled', 'cancelled', reason, stamp)
  return job.state
end
