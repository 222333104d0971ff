-- Moving the end of a lease, never past the limit. Joined to `touch` and `resume`.
local function lease_again(job, lease)
  local place = lease > 0 and now + lease or false
  if has(job, 't') and job.limit_at > 0 then place = math.min(place or job.limit_at, job.limit_at) end
  move(job, 'running', nil, nil, place and whole(place) or 'inf')
end
