/**
 * The atomic sections of the Redis store, in Lua. Rows are those of row.ts: key 1, Call-ID 2, CSeq 3, expiry 4, update 5, flow 6, instance 7, outbound 8,
 * direct 15, node 16.
 */

/** An address of record has no more rows, living or expired: each REGISTER drops the expired ones, and `SLUICE_MAX_CONTACTS` is at most 100. */
export const MOST_ROWS = 200;

/** Nil: no version has written the text. */
const DECODED = `
local function decoded(text)
  local is_read, row = pcall(cjson.decode, text)
  if not is_read or type(row) ~= 'table' then return nil end
  for _, at in ipairs({ 1, 2, 10 }) do
    if type(row[at]) ~= 'string' then return nil end
  end
  for _, at in ipairs({ 3, 4, 5 }) do
    if type(row[at]) ~= 'number' then return nil end
  end
  if type(row[12]) ~= 'table' then return nil end
  for _, value in ipairs(row[12]) do
    if type(value) ~= 'string' then return nil end
  end
  return row
end
`;

/**
 * What binding_change.cc does. `register(hash, now, call_id, cseq, everything, most_contacts, most_flows, drops, rows)`: `drops` are keys, `rows`
 * the bindings to put, as JSON. What cannot be read goes with the expired ones. Returns the outcome, the rows alive after it, and what happened: a word and the row.
 */
const REGISTER_ONE = `${DECODED}
local function split(key)
  local words = string.gmatch(key, '[^ ]+')
  local base, values = words(), {}
  for word in words do values[string.match(word, '^[^=]*')] = word end
  return base, values
end

local function same(one, other)
  if one == other then return true end
  if string.sub(one, 1, 1) ~= 'c' or string.sub(other, 1, 1) ~= 'c' then return false end
  local base, values = split(one)
  local other_base, others = split(other)
  if base ~= other_base then return false end
  for name, word in pairs(values) do
    if others[name] and others[name] ~= word then return false end
  end
  return true
end

local function way(row) return tostring(row[6]) .. ' ' .. row[10] .. ' ' .. table.concat(row[12], ' ') end

local function flows_of(all, instance)
  local count = 0
  for _, binding in ipairs(all) do
    if binding.row[8] and binding.row[7] == instance then count = count + 1 end
  end
  return count
end

local function register(hash, now, call_id, cseq, everything, most_contacts, most_flows, drops, rows)
  if redis.call('HLEN', hash) > ${MOST_ROWS} then
    if not everything then return 'full' end
    redis.call('DEL', hash)
  end
  local before, gone, news = {}, {}, {}
  local stored = redis.call('HGETALL', hash)
  for index = 1, #stored, 2 do
    local row = decoded(stored[index + 1])
    if not row then
      table.insert(gone, stored[index])
    elseif row[4] > now then
      table.insert(before, { row = row, text = stored[index + 1] })
    else
      table.insert(gone, stored[index])
      table.insert(news, 'expired ' .. stored[index + 1])
    end
  end

  -- As in the embedded store, the most recent comes last, also when a 200 is made again.
  if #before > 1 then
    table.sort(before, function(one, other) return one.row[5] < other.row[5] or (one.row[5] == other.row[5] and one.row[1] < other.row[1]) end)
  end

  local put = {}
  for _, text in ipairs(rows) do table.insert(put, { row = cjson.decode(text), text = text }) end

  local function dropped(key)
    for _, name in ipairs(drops) do
      if same(name, key) then return true end
    end
    return false
  end

  local after = {}
  for _, binding in ipairs(before) do
    local key = binding.row[1]
    local is_dropped = everything or dropped(key)
    local concerned = is_dropped
    for _, one in ipairs(put) do concerned = concerned or same(one.row[1], key) end
    if concerned and binding.row[2] == call_id and cseq <= binding.row[3] then return 'out-of-order' end
    if is_dropped then
      table.insert(gone, key)
      table.insert(news, 'removed ' .. binding.text)
    else
      table.insert(after, binding)
    end
  end

  for _, one in ipairs(put) do
    local others = {}
    one.fresh = true
    for _, binding in ipairs(after) do
      if same(binding.row[1], one.row[1]) then
        -- A new row of the same name takes its place.
        if binding.row[1] ~= one.row[1] then table.insert(gone, binding.row[1]) end
        one.known = one.known or not binding.fresh or binding.known
        if binding.fresh then one.stays = one.stays or binding.stays else one.stays = one.stays or way(binding.row) == way(one.row) end
      else
        table.insert(others, binding)
      end
    end
    table.insert(others, one)
    after = others
  end

  if #after > most_contacts and #after > #before then return 'full' end
  for _, one in ipairs(put) do
    if one.row[8] then
      local count = flows_of(after, one.row[7])
      if count > most_flows and count > flows_of(before, one.row[7]) then return 'full' end
    end
  end

  if #gone > 0 then redis.call('HDEL', hash, unpack(gone)) end
  local answer, last = {}, 0
  for _, binding in ipairs(after) do
    table.insert(answer, binding.text)
    last = math.max(last, binding.row[4])
  end
  for _, one in ipairs(after) do
    if one.fresh then redis.call('HSET', hash, one.row[1], one.text) end
    if one.fresh and not one.stays then table.insert(news, (one.known and 'moved ' or 'registered ') .. one.text) end
  end
  if #after > 0 and (#put > 0 or #gone > 0) then redis.call('PEXPIREAT', hash, string.format('%.0f', last + 1000)) end
  return 'saved', answer, news
end
`;

/**
 * `charge(set, now, most, puts)`: the set of a source's bindings, by expiry; how many it may have; an expiry and a member for each binding that a
 * REGISTER puts. Returns 0 if it would have more than before, and too many.
 */
const CHARGE_ONE = `
local function charge(set, now, most, puts)
  local ended = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, 100)
  if #ended > 0 then redis.call('ZREM', set, unpack(ended)) end
  local fresh = 0
  for index = 1, #puts, 2 do
    local expiry = redis.call('ZSCORE', set, puts[index + 1])
    if not expiry or tonumber(expiry) <= tonumber(now) then fresh = fresh + 1 end
  end
  if fresh > 0 and redis.call('ZCOUNT', set, '(' .. now, '+inf') + fresh > most then return 0 end
  for index = 1, #puts, 2 do
    redis.call('ZADD', set, puts[index], puts[index + 1])
  end
  local top = redis.call('ZRANGE', set, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', set, string.format('%.0f', tonumber(top[2]) + 1000))
  return 1
end
`;

/**
 * KEYS: the hash of the address of record. ARGV: now, Call-ID, CSeq, everything (0 or 1), most contacts, most flows, how many keys to drop, these
 * keys, then the rows to put.
 */
export const REGISTER = `${REGISTER_ONE}
local drops, rows = {}, {}
for index = 8, #ARGV do table.insert(index < 8 + tonumber(ARGV[7]) and drops or rows, ARGV[index]) end
local outcome, after, news = register(KEYS[1], tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5]), tonumber(ARGV[6]), drops, rows)
return { outcome, after or {}, news or {} }
`;

/** KEYS: the set. ARGV: now, most, then the puts. */
export const CHARGE = `${CHARGE_ONE}
local puts = {}
for index = 3, #ARGV do table.insert(puts, ARGV[index]) end
return charge(KEYS[1], ARGV[1], tonumber(ARGV[2]), puts)
`;

/**
 * The REGISTERs of a batch, each by itself: one that fails leaves the others alone. KEYS: for each the hash of its address of record, and the set of
 * its source if it is charged. ARGV: the operations as native/core/home/shared_saves.h packs them, and how many bindings a source may have.
 * Returns the outcomes as it reads them, then a line for each thing that happened: the number of the operation from 0, the word, and the row.
 */
export const REGISTERS = `${REGISTER_ONE}${CHARGE_ONE}
local LETTERS = { ['out-of-order'] = 'o', full = 'f', ['source-full'] = 'p' }
local outcomes, lines, key = {}, { '' }, 0
local function text_of(number) return string.format('%.0f', number) end
for index, operation in ipairs({ cmsgpack.unpack(ARGV[1]) }) do
  local now, cseq, most_contacts, most_flows, call_id, drop, row, expiry, member = unpack(operation, 1, 9)
  key = key + 1
  local hash, set = KEYS[key], nil
  if member then
    key = key + 1
    set = KEYS[key]
  end
  local is_done, outcome, after, news = pcall(function()
    if set and charge(set, text_of(now), tonumber(ARGV[2]), { text_of(expiry), member }) == 0 then return 'source-full' end
    return register(hash, now, call_id, cseq, false, most_contacts, most_flows, { drop }, { row })
  end)
  if not is_done then
    table.insert(outcomes, 'e')
    table.insert(lines, (index - 1) .. ' failed ' .. tostring(type(outcome) == 'table' and outcome.err or outcome))
  elseif after then
    table.insert(outcomes, 's' .. #after .. ';')
    for _, text in ipairs(after) do table.insert(outcomes, #text .. ':' .. text) end
    for _, line in ipairs(news) do table.insert(lines, (index - 1) .. ' ' .. line) end
  else
    table.insert(outcomes, LETTERS[outcome])
  end
end
lines[1] = table.concat(outcomes)
return lines
`;

/**
 * KEYS: the hashes of addresses of record. Returns the rows of each, as native/core/home/shared_saves.h reads outcomes. If they are too many, one
 * that cannot be read: then the object path asks with `ROWS`, and says so.
 */
export const FIND = `
local outcomes = {}
for _, hash in ipairs(KEYS) do
  local is_done, count = pcall(redis.call, 'HLEN', hash)
  local is_few = is_done and type(count) == 'number'
  if is_few and count > ${MOST_ROWS} then
    table.insert(outcomes, 's1;0:')
  elseif is_few then
    local rows = redis.call('HVALS', hash)
    table.insert(outcomes, 's' .. #rows .. ';')
    for _, text in ipairs(rows) do table.insert(outcomes, #text .. ':' .. text) end
  else
    table.insert(outcomes, 'e')
  end
end
return table.concat(outcomes)
`;

/** KEYS: the hash. Returns its rows; nil: too many. */
export const ROWS = `
if redis.call('HLEN', KEYS[1]) > ${MOST_ROWS} then return false end
return redis.call('HVALS', KEYS[1])
`;

/** KEYS: the hash. ARGV: the key of a binding, and the update time that the caller knows. Returns the row that is gone. */
export const REMOVE = `${DECODED}
local text = redis.call('HGET', KEYS[1], ARGV[1])
local row = text and decoded(text)
if row and row[5] <= tonumber(ARGV[2]) and redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then return text end
return false
`;

/** KEYS: the hash. ARGV: the flow whose bindings go, and the node that it belongs to. Returns the rows that are gone. */
export const REMOVE_FLOW = `${DECODED}
local removed = {}
local stored = redis.call('HGETALL', KEYS[1])
for index = 1, #stored, 2 do
  local row = decoded(stored[index + 1])
  if row and row[6] == ARGV[1] and row[16] == ARGV[2] and not row[15] then
    redis.call('HDEL', KEYS[1], stored[index])
    table.insert(removed, stored[index + 1])
  end
end
return removed
`;
