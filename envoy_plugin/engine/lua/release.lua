-- id, attempt, claim, version, delay in ms, hold ('' none). No attempt and no retry is spent.
function V.release(id, attempt, claim, version, delay, name)
  local job, why, state = admit(FROM.release, id, attempt, claim, version)
  if not job then return nil, why, state end
  if name ~= '' and not rare.doors(job)['hold:' .. name] then rare.hold(job, name, '0') end
  put(job, 'due', now + delay)
  settle(job, 'released')
  return job.state
end
