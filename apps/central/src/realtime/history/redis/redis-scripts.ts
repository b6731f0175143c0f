/**
 * Each is one step for everybody else: https://redis.io/docs/latest/develop/programmability/eval-intro/
 *
 * Keys: the hash of positions by topic; the set of topics' names; the set of topics by when they were last published to.
 * In the hash there are also, beside the topics, fields that no topic can have: `:epoch`, `:run`, `:floor`, `:ownFloor`,
 * and `:named`, the size of the set of names. What says where topics stand is lost as a whole, or not at all. The messages of
 * a topic are in a stream of its own, whose IDs are their positions: `<prefix>log:<topic>`.
 */

/** ARGV: run of the server, whether it forgets nothing when it is killed, a new epoch. Answers the epoch. */
export const adoptStore = `
local epoch = redis.call('HGET', KEYS[1], ':epoch')
if not epoch then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], ':epoch', ARGV[3], ':run', ARGV[1], ':floor', 0, ':ownFloor', 0, ':named', 0)
  return ARGV[3]
end
if redis.call('HGET', KEYS[1], ':run') == ARGV[1] then return epoch end
redis.call('HSET', KEYS[1], ':run', ARGV[1])
if ARGV[2] == '1' then return epoch end
redis.call('HSET', KEYS[1], ':epoch', ARGV[3])
return ARGV[3]`;

/**
 * ARGV: prefix, then for each message topic, id, data, sender or nothing, key or nothing, digest, life of the key, size and age of the
 * history. Nothing is written before all keys are known to be good. Answers the epoch, and position, id, time and whether it was
 * known for each; or LOST; or REUSED and the key.
 */
export const appendAll = `
local epoch = redis.call('HGET', KEYS[1], ':epoch')
if not epoch then return {'', 'LOST'} end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = {epoch}
for i = 2, #ARGV, 9 do
  local known = ARGV[i + 4] ~= '' and redis.call('GET', ARGV[1] .. 'key:' .. ARGV[i + 4])
  if known and string.sub(known, 1, 64) ~= ARGV[i + 5] then return {'', 'REUSED', ARGV[i + 4]} end
end
for i = 2, #ARGV, 9 do
  local topic, id, data, sender, key = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local digest, life, size, age = ARGV[i + 5], ARGV[i + 6], tonumber(ARGV[i + 7]), tonumber(ARGV[i + 8])
  local known = key ~= '' and redis.call('GET', ARGV[1] .. 'key:' .. key)
  if known then
    local position, first, at = string.match(known, '^%x+ (%d+) (%S+) (%d+)$')
    for _, value in ipairs({position, first, at, '1'}) do answer[#answer + 1] = value end
  else
    local log = ARGV[1] .. 'log:' .. topic
    if redis.call('HEXISTS', KEYS[1], topic) == 0 then
      local isOwn = string.sub(topic, 1, 1) == '_'
      redis.call('HSET', KEYS[1], topic, redis.call('HGET', KEYS[1], isOwn and ':ownFloor' or ':floor'))
      redis.call('DEL', log)
      if not isOwn then redis.call('HINCRBY', KEYS[1], ':named', redis.call('ZADD', KEYS[2], 0, topic)) end
    end
    local position = string.format('%.0f', redis.call('HINCRBY', KEYS[1], topic, 1))
    redis.call('ZADD', KEYS[3], now, topic)
    if size > 0 then
      redis.call('XADD', log, 'MAXLEN', '~', size, position .. '-0', 'i', id, 'a', now, 'd', data, 's', sender)
      redis.call('PEXPIRE', log, math.max(age, 1))
      if position % 16 == 0 then
        local old = false
        for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', 32)) do
          if tonumber(entry[2][4]) >= now - age then break end
          old = entry[1]
        end
        if old then redis.call('XTRIM', log, 'MINID', string.match(old, '^%d+') + 1) end
      end
    end
    if key ~= '' then
      redis.call('SET', ARGV[1] .. 'key:' .. key, digest .. ' ' .. position .. ' ' .. id .. ' ' .. now, 'PX', life)
    end
    for _, value in ipairs({position, id, tostring(now), '0'}) do answer[#answer + 1] = value end
  end
end
return answer`;

/** ARGV: prefix, topic, position, size, limit. Answers epoch, position of the topic, time, and the entries behind the position. */
export const readTopic = `
local topic = ARGV[2]
local isOwn = string.sub(topic, 1, 1) == '_'
local stored = redis.call('HMGET', KEYS[1], ':epoch', topic, isOwn and ':ownFloor' or ':floor')
if not stored[1] then return {'', 'LOST'} end
local clock = redis.call('TIME')
local last = stored[2] or stored[3]
local entries = {}
local first = math.max(tonumber(ARGV[3]), tonumber(last) - tonumber(ARGV[4])) + 1
if stored[2] and first <= tonumber(last) then
  entries = redis.call('XRANGE', ARGV[1] .. 'log:' .. topic, string.format('%.0f', first), '+', 'COUNT', ARGV[5])
end
return {stored[1], last, clock[1] .. string.format('%03d', math.floor(clock[2] / 1000)), entries}`;

/** ARGV: prefix of the names, limit. Answers epoch, floor, and names and positions. The set of names is made again if it was evicted. */
export const listTopics = `
local stored = redis.call('HMGET', KEYS[1], ':epoch', ':floor', ':named')
if not stored[1] then return {'', 'LOST'} end
if redis.call('ZCARD', KEYS[2]) ~= tonumber(stored[3]) then
  redis.call('DEL', KEYS[2])
  local named = 0
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if not string.match(field, '^[_:]') then named = named + redis.call('ZADD', KEYS[2], 0, field) end
  end
  redis.call('HSET', KEYS[1], ':named', named)
end
local names = redis.call('ZRANGEBYLEX', KEYS[2], '[' .. ARGV[1], '(' .. ARGV[1] .. '~', 'LIMIT', 0, ARGV[2])
local answer = {stored[1], stored[2]}
for _, name in ipairs(names) do
  answer[#answer + 1] = name
  answer[#answer + 1] = redis.call('HGET', KEYS[1], name)
end
return answer`;

/** ARGV: whether the floor is raised, topics that must be there afterwards, each with a position more. */
export const skipTopics = `
if redis.call('HEXISTS', KEYS[1], ':epoch') == 0 then return 'LOST' end
local clock = redis.call('TIME')
if ARGV[1] == '1' then redis.call('HINCRBY', KEYS[1], ':floor', 1) end
for i = 2, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then
    redis.call('HSET', KEYS[1], ARGV[i], redis.call('HGET', KEYS[1], ':floor'))
    redis.call('HINCRBY', KEYS[1], ':named', redis.call('ZADD', KEYS[2], 0, ARGV[i]))
  end
  redis.call('HINCRBY', KEYS[1], ARGV[i], 1)
  redis.call('ZADD', KEYS[3], clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[i])
end
return 'OK'`;

/**
 * ARGV: prefix, how long a topic is remembered, limit. A topic that is made again begins at the floor, so a position of its former life
 * is never taken for one of the new. Answers how many were forgotten.
 */
export const forgetTopics = `
local clock = redis.call('TIME')
local before = clock[1] * 1000 + math.floor(clock[2] / 1000) - tonumber(ARGV[2])
local forgotten = 0
for _, topic in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', before, 'LIMIT', 0, ARGV[3])) do
  if redis.call('EXISTS', ARGV[1] .. 'log:' .. topic) == 0 then
    local floor = string.sub(topic, 1, 1) == '_' and ':ownFloor' or ':floor'
    local position = redis.call('HGET', KEYS[1], topic)
    if position and tonumber(position) > tonumber(redis.call('HGET', KEYS[1], floor)) then
      redis.call('HSET', KEYS[1], floor, position)
    end
    redis.call('HDEL', KEYS[1], topic)
    redis.call('HINCRBY', KEYS[1], ':named', -redis.call('ZREM', KEYS[2], topic))
    redis.call('ZREM', KEYS[3], topic)
    forgotten = forgotten + 1
  end
end
return forgotten`;
