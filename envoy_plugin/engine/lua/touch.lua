-- id, attempt, claim, lease in ms from now. The limit stays where it is.
function V.touch(id, attempt, claim, lease)
  local job, why, state = admit(FROM.touch, id, attempt, claim)
  if not job then return nil, why, state end
  local place = now + lease
  if has(job, 't') and job.limit_at > 0 then place = math.min(place, job.limit_at) end
  move(job, 'running', nil, nil, whole(place))
  return job.state
end
