-- The group `rare`: the next attempt, and what one claimant sees of an attempt.
function rare.next_attempt(job, state)
  local record = table.concat({state, job.reason or '-', job.created, job.started or '-', stamp, job.left, has(job, 'q') and job.revision or 0}, ' ')
  rare.past(job)[whole(job.attempt)] = record
  later('HSET', key('attempts:', job), job.attempt, record)
  mark(job, 'a')
  put(job, 'kept', math.max(job.kept, 1) + 1)
  put(job, 'attempt', job.attempt + 1) put(job, 'created', stamp) put(job, 'started', '-') put(job, 'reason', '-')
  put(job, 'crashes', 0) put(job, 'noted', 0)
  if has(job, 'q') then   -- its claimant takes attempts in the order in which they were made
    put(job, 'revision', 0) put(job, 'rank', job.rank:sub(1, 1) .. '00' .. stamp)
  end
end
-- Ends one attempt: a new one while retries are left (of its reason, where they are counted so), else failed for good.
-- delay: ms, or '' for the job's own backoff, which is exact where its factor is 1.
function rare.lose(job, reason, final, delay, jitter)
  local field = 'left'
  if has(job, 'w') then field = job['left.' .. reason] and 'left.' .. reason or 'left.*' end
  local left = tonumber(job[field] or 0)
  local parent = has(job, 'c') and load(job.parent)
  put(job, 'reason', reason)
  if final or left <= 0 or parent and rare.is_going(parent) then return move(job, 'failed', 'failed', reason, stamp) end
  local base, factor, cap = (job.backoff or '0 1 0'):match('(%S+) (%S+) (%S+)')
  local wait = delay ~= '' and tonumber(delay) or factor == '1' and tonumber(base) or math.min(base * factor ^ (job.attempt - 1), tonumber(cap)) * jitter
  if has(job, 'q') then put(job, 'revision', job.revision + 1) end
  rare.next_attempt(job, 'failed')
  put(job, field, left - 1)
  put(job, 'due', now + math.floor(wait))
  settle(job, 'attempt_failed', reason)
end
-- What an owned queue's claimant sees change in an attempt: 1 when it is first available, then each claim, note and end.
function rare.revise(job, event, from, state)
  if event == 'claimed' or event == 'noted' or ENDED[state] and from ~= state or state == 'available' and job.revision == 0 then put(job, 'revision', job.revision + 1) end
end
