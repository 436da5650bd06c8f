"""TI INA209: a current monitor with limits of its own. Not register-compatible with INA219."""
