-- KEYS: where bytes go. ARGV[1]: for how many seconds they are kept; then the bytes, in the same order.
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[1]) end
return #KEYS
