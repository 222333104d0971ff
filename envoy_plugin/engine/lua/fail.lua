-- id, attempt, claim, version, reason, final ('1': no retry), delay in ms ('' = the job's backoff), jitter, outcome, details, log
function V.fail(id, attempt, claim, version, reason, final, delay, jitter, outcome, details, log)
  local job, why, state = admit_end(FROM.fail, log, id, attempt, claim, version)
  if not job then return nil, why, state end
  keep_end(job, outcome, details, log)
  rare.lose(job, reason, final == '1', delay, jitter)
  return job.state
end
