-- Shared by every verb. KEYS[1]: the namespace, '{prefix}:'. ARGV: now in ms ('' = Redis' clock), mode, for how long the bytes
-- of an ended job are kept in ms, then (verb, n, its n arguments)*.
-- A call is a unit of work: a job is loaded once, verbs change Lua tables, and _commit.lua alone writes. A verb checks first and
-- changes after; it answers a value, or nil, why it is refused, and the state that says so.
local P, call, HISTORY = KEYS[1], redis.call, 100
local now = tonumber(ARGV[1])
if not now then local t = call('TIME') now = t[1] * 1000 + math.floor(t[2] / 1000) end
-- A whole number as text: exact, and cheaper than what redis.call and '..' do with a number; those of one call are often the same.
local texts = {}
local function whole(number)
  local text = texts[number]
  if not text then text = string.format('%d', number) texts[number] = text end
  return text
end
local stamp = whole(now)
local jobs, fresh, woken, payloads, writes, gone, owners, V = {}, {}, {}, {}, {}, {}, {}, {}
local ENDED = {succeeded = true, failed = true, cancelled = true}
local function later(...) writes[#writes + 1] = {...} end
local function key(kind, job) return P .. kind .. job.id end
-- Changed facts gather in job.flat for one HSET; job.n counts them, since '#' costs, and it is made with room, since growing costs.
local function write(job, field, value)
  local n, flat = job.n, job.flat
  flat[n + 1], flat[n + 2], job.n = field, type(value) == 'number' and whole(value) or value, n + 2
end
local function put(job, field, value) write(job, field, value) job[field] = value end
-- job.more names by letter the rare things a job has; a plain job has none, and one test passes them all by.
-- a: earlier attempts, b: blobs, o: it owes, r: it is what another job owes, t: a lease or limit of its own, u: a unique key.
local function has(job, letter) return job.more and job.more:find(letter, 1, true) end
local function mark(job, letter) if not has(job, letter) then put(job, 'more', (job.more or '') .. letter) end end
local function home_of(state, queue) return state == 'available' and P .. 'available:' .. queue or P .. state end
-- Cold facts are read in groups at the first use of one of them. Absent: a number is 0, a word is false.
local function group_of(field)
  if field == 'due' or field == 'left' or field == 'rank' then return 'due', 'left', 'rank' end
  if field == 'limit_at' then return field end
  if field == 'unique' or field == 'till' then return 'unique', 'till' end
  return 'owes', 'reason', 'created', 'started', 'backoff', 'lost', 'bare', 'crashes', 'max_crashes', 'noted', 'replaced'
end
local function is_number(field)   -- a table would cost every call, also those that never look
  return field == 'due' or field == 'left' or field == 'lease' or field == 'limit' or field == 'limit_at' or field == 'crashes' or field == 'max_crashes'
    or field == 'noted' or field == 'replaced'
end
local COLD = {__index = function(job, wanted)
  local group = {group_of(wanted)}
  local found = job.stored and call('HMGET', key('job:', job), unpack(group)) or {}
  for i, field in ipairs(group) do
    if rawget(job, field) == nil then job[field] = is_number(field) and tonumber(found[i] or 0) or not is_number(field) and found[i] or false end
  end
  return rawget(job, wanted)
end}
local function load(id)
  if jobs[id] ~= nil then return jobs[id] end
  local v, job = call('HMGET', P .. 'job:' .. id, 'state', 'version', 'attempt', 'claim', 'queue', 'kind', 'install', 'more', 'lease', 'limit'), false
  if v[1] then
    job = setmetatable({id = id, state = v[1], version = tonumber(v[2]), attempt = tonumber(v[3] or 1), claim = tonumber(v[4] or 0), queue = v[5], kind = v[6],
      install = v[7] or '-', more = v[8], lease = tonumber(v[9] or 0), limit = tonumber(v[10] or 0), stored = true, home = home_of(v[1], v[5]),
      moved = false, place = false, past = false, flat = {false, false, false, false, false, false, false, false, false, false}, n = 0}, COLD)
  end
  jobs[id] = job
  return job
end
local function create(id, queue, kind, install, priority)
  local job = setmetatable({id = id, state = false, version = 0, attempt = 1, claim = 0, queue = queue, kind = kind, install = install, created = stamp, more = false,
    stored = false, home = false, moved = false, place = false, past = false, due = 0, left = 0, lease = 0, limit = 0,
    flat = {'queue', queue, 'kind', kind, 'created', stamp, false, false, false, false, false, false, false, false, false, false, false, false}, n = 6}, COLD)
  if install ~= '-' then write(job, 'install', install) end
  put(job, 'rank', 9 - priority .. '00' .. stamp)   -- equal ranks go by id, and ids sort by time
  jobs[id] = job
  return job
end
local function past(job)   -- the records of attempts that are over; the latest attempt's is the job itself
  if not job.past then
    job.past = {}
    local all = has(job, 'a') and call('HGETALL', key('attempts:', job)) or {}
    for i = 1, #all, 2 do job.past[all[i]] = all[i + 1] end
  end
  return job.past
end
local function owner(name)
  if owners[name] == nil then owners[name] = call('GET', P .. 'unique:' .. name) end
  return owners[name]
end
local function own(name, id)
  owners[name] = id
  if id then later('SET', P .. 'unique:' .. name, id) else later('DEL', P .. 'unique:' .. name) end
end
-- The job, or nil, why this verb may not act on it, and the state that says so. Empty attempt, claim or version: not checked.
local function admit(from, id, attempt, claim, version)
  local job = load(id)
  if not job then return nil, 'not_found' end
  if attempt ~= '' and tonumber(attempt) ~= job.attempt then
    local record = tonumber(attempt) < job.attempt and past(job)[attempt]
    if record then return nil, 'wrong_state', record:match('^%S+') end
    return nil, 'not_found'
  end
  if claim and claim ~= '' and (tonumber(claim) ~= job.claim or job.state ~= 'running') then return nil, 'lost_lease', job.state end
  if version and version ~= '' and tonumber(version) ~= job.version then return nil, 'version_mismatch', job.state end
  if not from[job.state] then return nil, 'wrong_state', job.state end
  return job
end
local finish
-- The only writer of state, place, version and history. Without an event only the place changes, without a place only the facts.
local function move(job, state, event, detail, place)
  if place then job.moved, job.place = true, place end
  if not event then return end
  put(job, 'state', state)
  put(job, 'version', job.version + 1)
  write(job, whole(job.version), event .. ' ' .. state .. ' ' .. stamp .. ' ' .. whole(job.attempt) .. (detail and ' ' .. detail or ''))
  if job.version > HISTORY then later('HDEL', key('job:', job), job.version - HISTORY) end
  if ENDED[state] then finish(job, state) end
end
-- The only place that decides where a job waits that neither runs nor is over.
local function settle(job, event, detail)
  if job.due > now then return move(job, 'scheduled', event, detail, whole(job.due)) end
  move(job, 'available', event, detail, job.rank)
  fresh[#fresh + 1] = job
end
-- Whoever needs the bytes of an ended job has them for a while longer.
local function expire_bytes(job)
  if not has(job, 'r') then later('PEXPIRE', key('payload:', job), ARGV[3]) end
  if has(job, 'b') then later('PEXPIRE', key('blobs:', job), ARGV[3]) end
end
local function debtor_of(job) return has(job, 'r') and load(job.id:match('^(.+)%.%d+$')) end
-- What a job owes becomes a job of its own; owes = 'kind retries base factor cap'.
local function follow_up(job)
  local kind, left, backoff = job.owes:match('^(%S+) (%d+) (.+)$')
  local debt = create(job.id .. '.' .. job.attempt, kind, kind, job.install, 4)
  put(debt, 'left', tonumber(left)) put(debt, 'backoff', backoff) put(debt, 'bare', '1') mark(debt, 'r')
  settle(debt, 'enqueued', job.id)
end
-- What an end brings with it (called by move alone): the follow-up, the bytes' last hours, the unique key.
function finish(job, state)
  if has(job, 'o') then follow_up(job) elseif state ~= 'failed' then expire_bytes(job) end
  local debtor = debtor_of(job)
  if debtor and debtor.state ~= 'failed' and job.id == debtor.id .. '.' .. debtor.attempt then expire_bytes(debtor) end
  if not has(job, 'u') then return end
  if job.till == '0' then own(job.unique, false) elseif job.till ~= 'kept' then later('PEXPIREAT', P .. 'unique:' .. job.unique, job.till) end
end
local function keep_blob(job, name, bytes)
  if not bytes or bytes == '' then return end
  mark(job, 'b')
  later('HSET', key('blobs:', job), name, bytes)
end
local function next_attempt(job, state)
  local record = table.concat({state, job.reason or '-', job.created, job.started or '-', stamp, job.left, 0}, ' ')
  past(job)[whole(job.attempt)] = record
  later('HSET', key('attempts:', job), job.attempt, record)
  mark(job, 'a')
  put(job, 'attempt', job.attempt + 1) put(job, 'created', stamp) put(job, 'started', '-') put(job, 'reason', '-')
  put(job, 'crashes', 0) put(job, 'noted', 0)
end
-- Ends one attempt: a new one while retries are left, else failed for good. delay: ms, or '' for the job's own backoff.
local function lose(job, reason, final, delay, jitter)
  put(job, 'reason', reason)
  if final or job.left <= 0 then return move(job, 'failed', 'failed', reason, stamp) end
  local base, factor, cap = (job.backoff or '0 1 0'):match('(%S+) (%S+) (%S+)')
  local wait = delay ~= '' and tonumber(delay) or math.min(base * factor ^ (job.attempt - 1), tonumber(cap)) * jitter
  next_attempt(job, 'failed')
  put(job, 'left', job.left - 1)
  put(job, 'due', now + math.floor(wait))
  settle(job, 'attempt_failed', reason)
end
-- An index is read as it was before the call: ask the job.
local function promote_due(limit)
  local due = call('ZRANGE', P .. 'scheduled', '-inf', stamp, 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(due) do
    local job = load(id)
    if job and job.state == 'scheduled' and job.due <= now then settle(job, 'promoted') end
  end
  return #due
end
