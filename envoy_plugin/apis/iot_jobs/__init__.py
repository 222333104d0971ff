"""AWS IoT Jobs: devices take their work with any AWS SDK, and operators give it out.

The data plane (signing name `iot-jobs-data`) is for devices, the control plane (`iot`) for operators. Both are on one
port; which of them a request means is said by the service in its verified credential scope.

Source of the wire facts: botocore's service models `iot-jobs-data/2017-09-29` and `iot/2015-05-28`; where they are
silent, AWS' developer guide, "Jobs"; where that is, too, the table in `guesses`.
"""
