-- id, attempt, claim, version, the blob's name ('' = the attempt's details), bytes, the name of a kept blob ('' = the attempt's log
-- where a ref is given), its ref ('' drops it). One history row that replaces the previous note's.
function V.note(id, attempt, claim, version, name, bytes, kept, ref)
  local job, why, state = admit(FROM.note, id, attempt, claim, version)
  if not job then return nil, why, state end
  if is_lost(ref) then return nil, 'blob_gone', job.state end
  keep_blob(job, name == '' and 'details:' .. job.attempt or name, bytes)
  if ref ~= '' then keep_ref(job, kept == '' and 'log:' .. job.attempt or kept, ref) elseif kept ~= '' then drop_ref(job, kept) end
  if job.noted > 0 then
    later('HDEL', key('job:', job), job.noted)
    put(job, 'replaced', job.replaced + 1)
  end
  put(job, 'noted', job.version + 1)
  move(job, 'running', 'noted')
  return job.version
end
