-- id, version, upstream
function V.undepend(id, version, upstream)
  local job, why, state = admit(FROM.undepend, id, '', nil, version)
  if not job then return nil, why, state end
  if not rare.doors(job)['wait:' .. upstream] then return nil, 'not_depending', job.state end
  rare.open(job, 'wait:' .. upstream)
  rare.changed(job, 'undepended', upstream)
  return job.state
end
