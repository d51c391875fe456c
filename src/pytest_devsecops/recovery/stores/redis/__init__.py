"""Redis and Valkey, with the server's own programs as they are found on the machine."""

from pytest_devsecops.recovery.stores.redis.store import RedisStore, redis, valkey

__all__ = ["RedisStore", "redis", "valkey"]
