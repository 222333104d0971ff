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
local jobs, fresh, woken, payloads, writes, gone, owners, turns, paused, V = {}, {}, {}, {}, {}, {}, {}, {}, {}, {}
local emptied   -- envelopes that close by themselves, some of whose children have ended
-- Each function that a call makes costs it time, used or not. Those that few jobs need are in groups, and a group's are made when
-- the first of them is wanted: `debts` of what a job owes, `fair` of installs served in turn, and `rare` of all else.
local LAZY = {__index = function(group, name)
  local make = rawget(group, 1)
  group[1] = nil
  if make then make(group) end
  return rawget(group, name)
end}
local debts, fair, rare
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
-- a: earlier attempts, b: blobs, c: it is a child, d: dependents, e: an envelope, f: its queue serves installs in turn, g: gates,
-- h: an heir has its debt, i: listed, j: it is an heir, k: blobs that were kept, l: in a lane, m: described, o: it owes, q: its queue is one
-- claimant's own, r: it is what another job owes, s: skippable, t: a lease or limit of its own, u: a unique key, w: retries by
-- reason, x: the latest attempt was deleted, z: an envelope that closes by itself.
local function has(job, letter) return job.more and job.more:find(letter, 1, true) end
local function mark(job, letter) if not has(job, letter) then put(job, 'more', (job.more or '') .. letter) end end
local function home_of(state, queue) return state == 'available' and P .. 'available:' .. queue or P .. state end
-- Cold facts are read in groups at the first use of one of them. Absent: a number is 0, a word is false.
local function group_of(field)
  if field == 'due' or field == 'left' or field == 'rank' then return 'due', 'left', 'rank' end
  if field == 'unique' or field == 'till' then return 'unique', 'till' end
  if field == 'lane' or field == 'next' then return 'lane', 'next' end
  if field == 'root' or field == 'heir' then return 'root', 'heir' end
  if field == 'limit_at' or field == 'gates' or field == 'parent' or field == 'alive' or field == 'listed' or field == 'revision'
    or field == 'assignee' or field == 'described' or field:sub(1, 5) == 'left.' then return field end
  return 'owes', 'reason', 'created', 'started', 'backoff', 'lost', 'bare', 'crashes', 'max_crashes', 'noted', 'replaced', 'kept'
end
local function is_number(field)   -- a table would cost every call, also those that never look
  return field == 'due' or field == 'left' or field == 'lease' or field == 'limit' or field == 'limit_at' or field == 'crashes' or field == 'max_crashes'
    or field == 'noted' or field == 'replaced' or field == 'gates' or field == 'alive' or field == 'revision' or field == 'kept' or field == 'described'
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
      install = v[7] or '-', more = v[8], lease = tonumber(v[9] or 0), limit = tonumber(v[10] or 0), stored = true, was = v[1], of = v[5],
      moved = false, place = false, past = false, doors = false, down = false, kids = false, refs = false, late = false,
      flat = {false, false, false, false, false, false, false, false, false, false}, n = 0}, COLD)
  end
  jobs[id] = job
  return job
end
local function create(id, queue, kind, install, priority)
  local job = setmetatable({id = id, state = false, version = 0, attempt = 1, claim = 0, queue = queue, kind = kind, install = install, created = stamp, more = false,
    stored = false, was = false, of = false, moved = false, place = false, past = false, doors = false, down = false, kids = false, refs = false, late = false,
    due = 0, left = 0, lease = 0, limit = 0, gates = 0,
    flat = {'queue', queue, 'kind', kind, 'created', stamp, false, false, false, false, false, false, false, false, false, false, false, false}, n = 6}, COLD)
  if install ~= '-' then write(job, 'install', install) end
  put(job, 'rank', 9 - priority .. '00' .. stamp)   -- equal ranks go by id, and ids sort by time
  jobs[id] = job
  return job
end
-- Who holds a unique key, and who is the last of a lane.
local function owner(name)
  if owners[name] == nil then owners[name] = call('GET', P .. name) end
  return owners[name]
end
local function own(name, id)
  owners[name] = id
  if id then later('SET', P .. name, id) else later('DEL', P .. name) end
end
-- The other indexes of a job: what runs of an owned queue, and the lists that it wants to be in. By id, so by age.
local function sides_of(job, state, queue)
  local sides = {}
  if not state or not job.more then return sides end
  if state == 'running' and queue:find(':', 1, true) and not has(job, 'e') then sides[1] = P .. 'running:' .. queue end
  if has(job, 'i') then
    for field in job.listed:gmatch('%S+') do
      sides[#sides + 1] = P .. 'by:' .. field .. ':' .. (field == 'queue' and queue or job[field]) .. ':' .. state
    end
  end
  return sides
end
