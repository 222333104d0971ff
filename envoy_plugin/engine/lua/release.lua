-- id, attempt, claim, version, delay in ms. No attempt and no retry is spent.
function V.release(id, attempt, claim, version, delay)
  local job, why, state = admit(FROM.release, id, attempt, claim, version)
  if not job then return nil, why, state end
  put(job, 'due', now + delay)
  settle(job, 'released')
  return job.state
end
