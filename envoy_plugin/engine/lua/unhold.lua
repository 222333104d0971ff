-- id, version, name
function V.unhold(id, version, name)
  local job, why, state = admit(FROM.unhold, id, '', nil, version)
  if not job then return nil, why, state end
  if not doors(job)['hold:' .. name] then return nil, 'not_held', job.state end
  open(job, 'hold:' .. name)
  changed(job, 'unheld', name)
  return job.state
end
