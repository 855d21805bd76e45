-- What `gauge` does, for all processes together: one quota of one account, in two keys of one hash slot.
-- KEYS[1]  a hash: what is known of the quota. KEYS[2]  a sorted set: requests by the moment they were answered; those
-- under way by the moment their lease ends, so that those of a process that died are forgotten in the end.
-- ARGV[1]  what to do; the rest belongs to it, see the end. The time is the server's own.
-- The names in capitals are the constants of the modules in Python; `shared_windows` writes them before this text.

local state, calls = KEYS[1], KEYS[2]

local read = redis.call('HGETALL', state)
local known = {}
for i = 1, #read, 2 do known[read[i]] = read[i + 1] end

local function number(name, otherwise) return tonumber(known[name]) or otherwise end
local function exact(value) return string.format('%.17g', value) end
local function note(name, value)
  if type(value) == 'number' then value = exact(value) end
  known[name] = value
  redis.call('HSET', state, name, value)
end

-- A clock that was put back, or that of another Redis that took over, must not hold places for as long: time goes on.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000 + number('ahead', 0)
local seen = number('seen', now)
if now < seen - STEP_BACK then
  note('ahead', number('ahead', 0) + seen - now)
  now = seen
end
note('seen', math.max(now, seen))

-- Limits are written as `1:10 60:150`: seconds and requests, shortest first.
local function parsed(text)
  local limits = {}
  for seconds, requests in string.gmatch(text, '(%d+):(%d+)') do
    limits[#limits + 1] = { seconds = tonumber(seconds), requests = tonumber(requests) }
  end
  return limits
end
local limits = {}

local function even_window()
  local found
  for _, limit in ipairs(limits) do
    if limit.seconds <= PACED_SECONDS then found = limit end
  end
  return found
end

local function memory() return 2 * (even_window() or limits[1]).seconds end

local function foreign()
  if #limits == 0 then return 0 end
  local seen = (number('excess', 0) + number('worst', 0)) / (number('seconds', 0) + DISTRUST * memory())
  local met = number('met', 0) * 0.5 ^ ((now - number('met_at', now)) / (HALF_LIFE * memory()))
  local rate = math.max(seen / SEEN_SHARE, met)
  if rate * memory() < NOBODY then return 0 end
  return rate
end

local function room(limit)
  local expected = foreign() * limit.seconds
  if expected == 0 then return limit.requests end
  local reserve = math.ceil(expected + MARGIN * math.sqrt(expected))
  return math.max(limit.requests - reserve, math.ceil(limit.requests * OWN_SHARE), 1)
end

local function step()
  local even = even_window()
  if even then return even.seconds / room(even) end
  return 0
end

local function hold(limit) return limit.seconds * (1 + DRIFT) end

local function keep()
  local longest = 60
  if #limits > 0 then longest = limits[#limits].seconds end
  local milliseconds = math.ceil((2 * longest + LEASE + math.max(0, number('paused', 0) - now)) * 1000)
  redis.call('PEXPIRE', state, milliseconds)
  redis.call('PEXPIRE', calls, milliseconds)
end

-- For how long the windows have no place, at least; and the used share of the one with the least room, with one more.
local function windows_wait()
  local wait, fullness = math.max(0, number('paused', 0) - now), 0
  for _, limit in ipairs(limits) do
    local after = '(' .. exact(now - hold(limit))
    local used = redis.call('ZCOUNT', calls, after, '+inf') + 1
    fullness = math.max(fullness, used / room(limit))
    local missing = used - room(limit)
    if missing > 0 then
      local first = redis.call('ZRANGEBYSCORE', calls, after, '+inf', 'WITHSCORES', 'LIMIT', missing - 1, 1)
      local frees = tonumber(first[2]) + hold(limit) - now
      if tonumber(first[2]) > now then
        -- What is under way now, or goes later, is answered now at the earliest, and then held for a window.
        local held = redis.call('ZCOUNT', calls, after, exact(now))
        frees = hold(limit) * (1 + math.floor((missing - held - 1) / room(limit)))
      end
      wait = math.max(wait, frees)
    end
  end
  return wait, fullness
end

local function is_even(background) return background or now < number('even_until', 0) end

local function wait_for(background)
  if #limits == 0 and not known.told then
    if redis.call('ZCARD', calls) > 0 then return SCOUT, 0 end
    return math.max(0, number('paused', 0) - now), 0
  end
  local wait, fullness = windows_wait()
  if background then
    -- Some other process has an interactive call that waits: let it go first, but not for ever.
    if wait == 0 and number('urgent_until', 0) > now and number('overtaken', 0) < OVERTAKEN then wait = SCOUT end
  elseif wait > 0 then
    note('urgent_until', now + math.min(wait, 1) + 2 * SCOUT)
  elseif number('overtaken', 0) >= OVERTAKEN and number('patient_until', 0) > now and number('next_even', 0) <= now then
    wait = SCOUT
  end
  local even = number('next_even', now)
  if not background then even = math.min(even, number('even_until', 0)) end
  return math.max(wait, even - now), fullness
end

local function take(background, lease, count)
  local longest = 0
  if #limits > 0 then longest = hold(limits[#limits]) end
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', exact(now - longest))
  if not known.since then note('since', now) end
  local before = number('taken', 0)
  local paced = is_even(background)
  local given, wait, fullness = 0, 0, 0
  while given < count do
    local fuller
    wait, fuller = wait_for(background)
    if wait > 0 then break end
    fullness = fuller
    given = given + 1
    redis.call('ZADD', calls, exact(now + lease), string.format('%d', before + given))
    local even = number('next_even', now)
    if paced then
      even = math.max(even, now - CATCH_UP) + step()
      note('even_at_latest', even + OVERTAKEN * step())
    else
      even = math.max(even, math.min(even + step(), number('even_at_latest', 0)))
    end
    note('next_even', even)
    if background then
      note('overtaken', 0)
    elseif number('patient_until', 0) > now then
      note('overtaken', number('overtaken', 0) + 1)
    end
  end
  if given > 0 then
    note('taken', string.format('%d', before + given))
    if not background then note('urgent_until', 0) end
  end
  -- It asks again after its wait, or after a second; not much later, it is not there any more.
  if background and given < count then note('patient_until', now + math.min(wait, 1) + 0.1) end
  local shortest, occupied = 0, 0
  if #limits > 0 then
    if now - number('since', now) >= limits[1].seconds then shortest = limits[1].seconds end
    occupied = redis.call('ZCOUNT', calls, '(' .. exact(now - hold(limits[1])), '+inf')
  end
  local numbers = string.format('%d', before)
  return { given, exact(wait), exact(step()), numbers, shortest, occupied, paced and 1 or 0, exact(fullness) }
end

local function observe(seconds, used, own)
  local opened = number('bucket', 0)
  if now - opened >= seconds then
    if opened > 0 then
      local kept = math.exp((opened - now) / memory())
      note('excess', (number('excess', 0) + number('worst', 0)) * kept)
      note('seconds', (number('seconds', 0) + seconds) * kept)
    end
    note('bucket', now)
    note('worst', 0)
  end
  if used - own > number('worst', 0) then note('worst', used - own) end
end

local function settle(id, told, seconds, used, shortest, taken, occupied)
  if told ~= '' then
    local new = parsed(told)
    if new[1] then
      for _, limit in ipairs(limits) do
        if limit.seconds > math.max(PACED_SECONDS, new[#new].seconds) then
          told = told .. ' ' .. limit.seconds .. ':' .. limit.requests
        end
      end
      if told ~= known.limits then note('limits', told) end
      limits = parsed(told)
    end
    note('told', '1')
  end
  if #limits > 0 then redis.call('ZADD', calls, exact(now), id) else redis.call('ZREM', calls, id) end
  -- Fewer than there were when it was sent: all was forgotten in between, and nobody knows how many of them are ours.
  local later = number('taken', 0) - taken
  if seconds > 0 and seconds == shortest and later >= 0 then observe(seconds, used, occupied + later) end
end

local function throttle(id, retry_after)
  redis.call('ZREM', calls, id)
  local paused = now + retry_after
  if #limits > 0 and paused > number('paused', 0) and retry_after > limits[1].seconds then
    for i = 2, #limits do
      if limits[i].seconds >= retry_after then
        local opened = paused - 0.5 - limits[i].seconds
        if opened >= number('since', now) then
          local own = redis.call('ZCOUNT', calls, '(' .. exact(opened), exact(now))
          local rate = (limits[i].requests - own) / limits[i].seconds
          local met = number('met', 0) * 0.5 ^ ((now - number('met_at', now)) / (HALF_LIFE * memory()))
          if rate > 0 and rate >= met then
            note('met', rate)
            note('met_at', now)
          end
        end
        break
      end
    end
  end
  note('paused', math.max(paused, number('paused', 0)))
  note('next_even', math.max(number('next_even', 0), number('paused', 0)))
  local shortest = 1
  if #limits > 0 then shortest = limits[1].seconds end
  note('even_until', number('paused', 0) + shortest)
end

local function give_back(id, paced)
  if redis.call('ZREM', calls, id) == 1 and paced then
    note('next_even', number('next_even', now) - step())
  end
end

local act = ARGV[1]
if not known.limits and ARGV[2] ~= '' then note('limits', ARGV[2]) end -- what Klaviyo states, until an answer tells
limits = parsed(known.limits or '')
local answer = 1
if act == 'take' then
  answer = take(ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5]))
elseif act == 'settle' then
  local numbers = {}
  for i = 5, 9 do numbers[#numbers + 1] = tonumber(ARGV[i]) end
  settle(ARGV[3], ARGV[4], unpack(numbers))
elseif act == 'throttle' then
  throttle(ARGV[3], tonumber(ARGV[4]))
elseif act == 'give_back' then
  give_back(ARGV[3], ARGV[4] == '1')
end
keep()
return answer
