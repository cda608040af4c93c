"""What every learner needs: runs that resume, logs, replay, demonstrations, devices, processes.

Needs the extra `training`. Nothing else in `mmbench` imports it.
"""
