-- id, attempt, version, reason, details, '1' = not while it runs
function V.cancel(id, attempt, version, reason, details, unless_running)
  local job, why, state = admit_end(FROM.cancel, '', id, attempt, nil, version)
  if not job then return nil, why, state end
  if unless_running == '1' and job.state == 'running' then return nil, 'wrong_state', job.state end
  keep_blob(job, 'details:' .. job.attempt, details)
  put(job, 'reason', reason)
  move(job, 'cancelled', 'cancelled', reason, stamp)
  return job.state
end
