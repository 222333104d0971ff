-- id, version, name
function V.unhold(id, version, name)
  local job, why, state = admit(FROM.unhold, id, '', nil, version)
  if not job then return nil, why, state end
  if not rare.doors(job)['hold:' .. name] then return nil, 'not_held', job.state end
  rare.open(job, 'hold:' .. name)
  rare.changed(job, 'unheld', name)
  return job.state
end
