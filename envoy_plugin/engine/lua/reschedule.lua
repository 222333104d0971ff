-- id, version, due in ms (0 at once)
function V.reschedule(id, version, due)
  local job, why, state = admit(FROM.reschedule, id, '', nil, version)
  if not job then return nil, why, state end
  put(job, 'due', tonumber(due))
  rare.changed(job, 'rescheduled')
  return job.state
end
