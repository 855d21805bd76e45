"""Sharing deliveries out to workers through Apache Kafka.

What is in the log are pointers: a profile's random id as the key, a delivery's id and number as the value. What a
delivery says stays in the database: nothing about a family outlives its erasure in a log, consent is asked of the one
place that has it, and a pointer that comes twice, late or never again changes nothing about what is sent.
"""

from dreamflow.outbox.adapters.kafka.intake import KafkaIntake
from dreamflow.outbox.adapters.kafka.library import KafkaCluster
from dreamflow.outbox.adapters.kafka.publisher import KafkaPublisher

__all__ = ["KafkaCluster", "KafkaIntake", "KafkaPublisher"]
