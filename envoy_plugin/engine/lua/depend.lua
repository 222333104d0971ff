-- id, version, upstream, policy
function V.depend(id, version, upstream, policy)
  local job, why, state = admit(FROM.depend, id, '', nil, version)
  if not job then return nil, why, state end
  if not load(upstream) then return nil, 'no_job', upstream end
  if rare.doors(job)['wait:' .. upstream] then return nil, 'depends', job.state end
  why, state = rare.closes_cycle(upstream, id, has(job, 'c') and job.parent)
  if why then return nil, why, state or job.state end
  if rare.wait_for(job, load(upstream), policy) then
    put(job, 'reason', 'upstream')
    move(job, 'cancelled', 'cancelled', 'upstream', stamp)
  else rare.changed(job, 'depends', upstream) end
  return job.state
end
