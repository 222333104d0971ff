-- id, version, queue ('' stays), the letters that its name gives the job, then the assignee, where it changes ('' nobody)
function V.assign(id, version, queue, letters, assignee)
  local job, why, state = admit(FROM.assign, id, '', nil, version)
  if not job then return nil, why, state end
  if queue ~= '' and queue ~= job.queue then
    put(job, 'queue', queue)
    if has(job, 'q') and not letters:find('q') then put(job, 'revision', 0) end   -- it counts for who owns the queue
    rare.unmark(job, 'q') rare.unmark(job, 'f')
    for letter in letters:gmatch('.') do mark(job, letter) end
    put(job, 'rank', job.rank:sub(1, 1) .. '00' .. job.created)
    if job.state == 'available' and has(job, 'f') then fair.turn_of(job) end
  end
  if assignee then put(job, 'assignee', assignee == '' and '-' or assignee) end
  rare.changed(job, 'assigned', queue ~= '' and queue or nil)
  return job.state
end
