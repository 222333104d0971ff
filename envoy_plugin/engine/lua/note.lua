-- id, attempt, claim, version, the blob's name ('' = the attempt's details), bytes. One history row that replaces the previous note's.
function V.note(id, attempt, claim, version, name, bytes)
  local job, why, state = admit(FROM.note, id, attempt, claim, version)
  if not job then return nil, why, state end
  keep_blob(job, name == '' and 'details:' .. job.attempt or name, bytes)
  if job.noted > 0 then
    later('HDEL', key('job:', job), job.noted)
    put(job, 'replaced', job.replaced + 1)
  end
  put(job, 'noted', job.version + 1)
  move(job, 'running', 'noted')
  return job.version
end
