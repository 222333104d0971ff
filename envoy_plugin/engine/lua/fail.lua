-- id, attempt, claim, version, reason, final ('1': no retry), delay in ms ('' = the job's backoff), jitter, outcome
function V.fail(id, attempt, claim, version, reason, final, delay, jitter, outcome)
  local job, why, state = admit(FROM.fail, id, attempt, claim, version)
  if not job then return nil, why, state end
  keep_blob(job, 'outcome:' .. job.attempt, outcome)
  lose(job, reason, final == '1', delay, jitter)
  return job.state
end
