-- id, attempt, claim, lease in ms from now ('' the job's own, 0 none). The limit stays where it is.
function V.touch(id, attempt, claim, lease)
  local job, why, state = admit(FROM.touch, id, attempt, claim)
  if not job then return nil, why, state end
  lease_again(job, lease == '' and job.lease or tonumber(lease))
  return job.state
end
