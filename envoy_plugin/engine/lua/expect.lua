-- id, attempt, version, revision
function V.expect(id, attempt, version, revision)
  local job, why, state = admit(FROM.expect, id, attempt, nil, version)
  if not job then return nil, why, state end
  if revision ~= '' and tonumber(revision) ~= job.revision then return nil, 'version_mismatch', job.state end
  return job.state
end
