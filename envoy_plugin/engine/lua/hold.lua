-- id, version, name, until in ms (0 = by hand)
function V.hold(id, version, name, till)
  local job, why, state = admit(FROM.hold, id, '', nil, version)
  if not job then return nil, why, state end
  if rare.doors(job)['hold:' .. name] then return nil, 'held', job.state end
  rare.hold(job, name, till)
  rare.changed(job, 'held', name)
  return job.state
end
