-- What every verb that ends an attempt checks and keeps. Joined to `succeed`, `fail` and `cancel`.
local function admit_end(from, log, ...)
  local job, why, state = admit(from, ...)
  if not job then return nil, why, state end
  if has(job, 'e') and job.alive > 0 then return nil, 'children_left', job.state end
  if is_lost(log) then return nil, 'blob_gone', job.state end
  return job
end
local function keep_end(job, outcome, details, log)
  keep_blob(job, 'outcome:' .. job.attempt, outcome)
  keep_blob(job, 'details:' .. job.attempt, details)
  keep_ref(job, 'log:' .. job.attempt, log)
end
