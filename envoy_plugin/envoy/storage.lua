-- One pipeline of storage commands, all of it or nothing. Values are opaque: sealed and opened in Python.
-- KEYS: items (hash: key -> sealed value), their order (zset of keys, all 0), what is unique (hash: 'v' and a digest -> key, 'k'
-- and a key -> its digests, spaces between), when items end (zset: key -> ms).
-- ARGV: now in ms ('' = Redis' clock), digests of a candidate, then the commands:
--   g key | s key sealed | u key | l first last | a key sealed ms | q key complete n (sealed digest...)*n
-- Returns 1 and a result for each command; or 0 and the places (from 0) of those 'q' whose candidates are all taken though there
-- are others ('complete' is 0). Nothing is written then but the end of what has ended.
local items, order, unique, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call, each = redis.call, tonumber(ARGV[2])
local WIDTH = {g = 2, s = 3, u = 2, l = 3, a = 4}
local has_unique, has_due = call('EXISTS', unique) == 1, call('EXISTS', due) == 1

local function now()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- What has a time was set_if_absent, so it holds nothing unique.
local function end_what_is_due()
  local stamp = string.format('%d', now())
  repeat
    local over = call('ZRANGEBYSCORE', due, '-inf', stamp, 'LIMIT', '0', '1000')
    if #over > 0 then
      call('HDEL', items, unpack(over))
      call('ZREM', order, unpack(over))
      call('ZREM', due, unpack(over))
    end
  until #over < 1000
end

local function width_of(at)
  return WIDTH[ARGV[at]] or 4 + tonumber(ARGV[at + 3]) * (each + 1)
end

-- What each 'q' gets, given what the commands before it free and take: nothing is written yet.
local function choose(places)
  local held, taken, chosen, short = {}, {}, {}, {}
  local function free(key)
    local digests = held[key] or call('HGET', unique, 'k' .. key) or ''
    for digest in digests:gmatch('%x+') do taken[digest] = false end
    held[key] = ''
  end
  local function is_taken(digest)
    if taken[digest] ~= nil then return taken[digest] end
    return call('HEXISTS', unique, 'v' .. digest) == 1
  end
  local function is_free(candidate)
    for at = candidate + 1, candidate + each do
      if is_taken(ARGV[at]) then return false end
    end
    return true
  end
  local function take(key, candidate)
    free(key)
    for at = candidate + 1, candidate + each do taken[ARGV[at]] = true end
    held[key] = table.concat(ARGV, ' ', candidate + 1, candidate + each)
  end
  local function find(at)
    for candidate = at + 4, at + width_of(at) - 1, each + 1 do
      if is_free(candidate) then return candidate end
    end
  end
  for i, at in ipairs(places) do
    local op = ARGV[at]
    if op == 'q' then
      chosen[i] = find(at)
      if chosen[i] then take(ARGV[at + 1], chosen[i])
      elseif ARGV[at + 2] == '0' then short[#short + 1] = i - 1 end
    elseif op == 's' or op == 'u' then free(ARGV[at + 1]) end
  end
  return chosen, short
end

-- Whatever is put in place of an item frees its unique value and its end.
local function free(key)
  if has_due then call('ZREM', due, key) end
  local digests = has_unique and call('HGET', unique, 'k' .. key)
  if not digests then return end
  call('HDEL', unique, 'k' .. key)
  for digest in digests:gmatch('%x+') do call('HDEL', unique, 'v' .. digest) end
end

local function put(key, sealed)
  free(key)
  if call('HSET', items, key, sealed) == 1 then call('ZADD', order, '0', key) end
  return 1
end

local RUN = {
  g = function(at) return call('HGET', items, ARGV[at + 1]) end,
  s = function(at) return put(ARGV[at + 1], ARGV[at + 2]) end,
  u = function(at)
    local key = ARGV[at + 1]
    local old = call('HGET', items, key)
    if old then
      free(key)
      call('HDEL', items, key)
      call('ZREM', order, key)
    end
    return old
  end,
  l = function(at)
    local keys, page = call('ZRANGE', order, ARGV[at + 1], ARGV[at + 2]), {}
    if #keys == 0 then return page end
    local values = call('HMGET', items, unpack(keys))
    for i, key in ipairs(keys) do page[2 * i - 1], page[2 * i] = key, values[i] end
    return page
  end,
  a = function(at)
    local key = ARGV[at + 1]
    if call('HEXISTS', items, key) == 1 then return false end
    put(key, ARGV[at + 2])
    call('ZADD', due, string.format('%d', now() + tonumber(ARGV[at + 3])), key)
    has_due = true
    return 1
  end,
  q = function(at, candidate)
    if not candidate then return false end
    local key, digests = ARGV[at + 1], table.concat(ARGV, ' ', candidate + 1, candidate + each)
    put(key, ARGV[candidate])
    call('HSET', unique, 'k' .. key, digests)
    for i = candidate + 1, candidate + each do call('HSET', unique, 'v' .. ARGV[i], key) end
    has_unique = true
    return (candidate - at - 4) / (each + 1)
  end,
}

if has_due then end_what_is_due() end
local places, at, asks = {}, 3, false
while ARGV[at] do
  places[#places + 1] = at
  asks = asks or ARGV[at] == 'q'
  at = at + width_of(at)
end
local chosen, short = {}, {}
if asks then chosen, short = choose(places) end
if #short > 0 then return {0, short} end
local results = {1}
for i, place in ipairs(places) do results[i + 1] = RUN[ARGV[place]](place, chosen[i]) end
return results
