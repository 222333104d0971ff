-- id, attempt, version, who, lease in ms (0: the job's own), details -> what was handed out
function V.claim_job(id, attempt, version, who, lease, details)
  local job, why, state = admit(FROM.claim_job, id, attempt, nil, version)
  if not job then return nil, why, state end
  local found, is_paused = read_payloads({job}, job.queue)
  if is_paused then return nil, 'paused', job.state end
  keep_blob(job, 'details:' .. job.attempt, details)
  start(job, who, tonumber(lease), true)
  return handed({job}, found)
end
