-- KEYS[1]: the namespace, '{prefix}:'. ARGV: the job before which to go on ('': from the newest on), how many jobs to pass at most, how many
-- to leave out, how many to answer at most, the field to answer of each ('': none), then groups: how many tags, tag*, how many ids, id*.
-- The jobs that have a tag of each group, or are among its ids; the newest first. Answers after which job it has stopped ('': there are no
-- more), how many it has passed, how many of those that fit were left out, the ids of the others, and what each keeps in the field.
local P, before, most, skip, limit, field = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local FEWEST, AT_ONCE, FIRST, MOST_AT_ONCE = 16, 500, 1000, 20000
local groups, at = {}, 6
local function next_words(prefix)
  local found, first = {}, at + 1
  at = at + 1 + ARGV[at]
  for i = first, at - 1 do found[#found + 1] = prefix .. ARGV[i] end
  return found
end
while ARGV[at] do groups[#groups + 1] = {tags = next_words(P .. 'tag:'), ids = next_words('')} end
local driver, others = nil, {}
for _, group in ipairs(groups) do
  group.size = #group.ids
  for _, tag in ipairs(group.tags) do group.size = group.size + redis.call('ZCARD', tag) end
  if not driver or group.size < driver.size then driver = group end
end
for _, group in ipairs(groups) do if group ~= driver then others[#others + 1] = group end end
-- The next ids of the group that has the fewest; of several tags only what is no older than the page that ends first is complete.
local function next_page(n)
  local found, seen, floor = {}, {}, ''
  local each = math.max(FEWEST, math.ceil(n / math.max(1, #driver.tags)))
  local function take(id) if not seen[id] then seen[id] = true found[#found + 1] = id end end
  for _, tag in ipairs(driver.tags) do
    local page = redis.call('ZRANGE', tag, before == '' and '+' or '(' .. before, '-', 'BYLEX', 'REV', 'LIMIT', 0, each)
    if #page == each and page[each] > floor then floor = page[each] end
    for _, id in ipairs(page) do take(id) end
  end
  for _, id in ipairs(driver.ids) do if before == '' or id < before then take(id) end end
  if #driver.tags + #driver.ids > 1 then table.sort(found, function(left, right) return left > right end) end
  while floor ~= '' and found[#found] < floor do found[#found] = nil end
  return found, floor
end
local function narrow(page, group)
  local has, left = {}, {}
  for _, id in ipairs(group.ids) do has[id] = true end
  for _, tag in ipairs(group.tags) do
    for first = 1, #page, AT_ONCE do
      local last = math.min(first + AT_ONCE - 1, #page)
      for i, score in ipairs(redis.call('ZMSCORE', tag, unpack(page, first, last))) do
        if score then has[page[first + i - 1]] = true end
      end
    end
  end
  for _, id in ipairs(page) do if has[id] then left[#left + 1] = id end end
  return left
end
local passed, skipped, ids, kept = 0, 0, {}, {}
-- Of one tag that says all, Redis itself leaves out. Every score is 0, so that ranks are in the order of the ids.
local function pass_alone()
  local tag, last = driver.tags[1], before ~= '' and redis.call('ZREVRANK', driver.tags[1], before)
  if before == '' or last then
    local first = skip + (last and last + 1 or 0)
    ids = redis.call('ZRANGE', tag, first, first + limit - 1, 'REV')
  else
    ids = redis.call('ZRANGE', tag, '(' .. before, '-', 'BYLEX', 'REV', 'LIMIT', skip, limit)
  end
  passed, skipped, before = #ids, skip, #ids == limit and ids[limit] or ''
end
local function take(page, floor)
  before = floor
  for _, id in ipairs(page) do
    if skipped < skip then
      skipped = skipped + 1
    else
      ids[#ids + 1] = id
      if #ids == limit then before = id return end
    end
  end
end
local function pass()
  local page, floor = next_page(AT_ONCE)
  passed = passed + #page
  for _, group in ipairs(others) do page = narrow(page, group) end
  take(page, floor)
end
-- All that is left, by Redis itself: many times as fast as page by page, but it is all. Worth it where many are left out, or few fit.
local function pass_all()
  local tags, page = {}, {}
  for _, group in ipairs(groups) do tags[#tags + 1] = group.tags[1] end
  local found = redis.call('ZINTER', #tags, unpack(tags))
  for i = #found, 1, -1 do if before == '' or found[i] < before then page[#page + 1] = found[i] end end
  passed = passed + driver.size
  take(page, '')
end
local function is_worth_it() return passed >= FIRST and (skip - skipped > AT_ONCE or FEWEST * (skipped + #ids) < passed) end
local are_tags = #others > 0 and driver.size <= MOST_AT_ONCE
for _, group in ipairs(groups) do are_tags = are_tags and #group.tags == 1 and #group.ids == 0 end
if #others == 0 and #driver.tags == 1 and #driver.ids == 0 then pass_alone()
else
  repeat if are_tags and is_worth_it() then pass_all() else pass() end
  until before == '' or #ids == limit or passed >= most
end
if field ~= '' then for i, id in ipairs(ids) do kept[i] = redis.call('HGET', P .. 'described:' .. id, field) end end
return {before, passed, skipped, ids, kept}
