"""A peer that was written against docs/wire.md alone, with Eclipse Paho. It is told what to do as JSON, and tells what
happened, a line of JSON each."""

import json
import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

TIMEOUT_S = 20


def main(task):
    peer = Peer(task["port"], task["version"])
    {"publish": publish, "subscribe": subscribe, "request": request, "respond": respond}[task["do"]](peer, task)
    peer.close()


def publish(peer, task):
    peer.publish(task["topic"], task["payload"], task["qos"])


def subscribe(peer, task):
    peer.subscribe(task["topic"])
    tell(ready=True)
    message = peer.next()
    tell(payload=message.payload.decode(), qos=message.qos, **properties_of(message))


def request(peer, task):
    """On MQTT 5 with a Response Topic; on MQTT 3.1.1 the reply topic is in the request."""
    topic, reply_topic = task["topic"], task["topic"] + "/paho"
    peer.subscribe(reply_topic)
    if peer.is_mqtt5:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = reply_topic
        properties.CorrelationData = b"\x00\xff7"
        peer.publish(topic, json.dumps(task["data"]), 1, properties)
        reply = peer.next()
        assert reply.properties.CorrelationData == b"\x00\xff7"
        tell(response=json.loads(reply.payload), **properties_of(reply))
    else:
        envelope = {"pattern": topic, "data": task["data"], "id": "7", "replyTo": reply_topic}
        peer.publish(topic, json.dumps(envelope), 1)
        tell(**json.loads(peer.next().payload))


def respond(peer, task):
    """Answers one request with its text in capitals."""
    peer.subscribe(task["topic"])
    tell(ready=True)
    message = peer.next()
    if peer.is_mqtt5:
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = message.properties.CorrelationData
        peer.publish(message.properties.ResponseTopic, message.payload.decode().upper(), 1, properties)
    else:
        envelope = json.loads(message.payload)
        reply = {"id": envelope["id"], "response": envelope["data"].upper(), "isDisposed": True}
        peer.publish(envelope["replyTo"], json.dumps(reply), 1)


class Peer:
    def __init__(self, port, version):
        self.is_mqtt5 = version == 5
        self.messages = queue.Queue()
        self.granted = queue.Queue()
        protocol = mqtt.MQTTv5 if self.is_mqtt5 else mqtt.MQTTv311
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=protocol)
        self.client.on_message = lambda _client, _userdata, message: self.messages.put(message)
        self.client.on_subscribe = lambda _client, _userdata, _id, codes, _properties: self.granted.put(codes)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(self, topic, payload, qos, properties=None):
        self.client.publish(topic, payload, qos, properties=properties).wait_for_publish(TIMEOUT_S)

    def subscribe(self, topic):
        self.client.subscribe(topic, 1)
        assert self.granted.get(timeout=TIMEOUT_S)[0].value <= 2

    def next(self):
        return self.messages.get(timeout=TIMEOUT_S)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def properties_of(message):
    if message.properties is None:
        return {}
    return {
        "contentType": getattr(message.properties, "ContentType", None),
        "userProperties": dict(getattr(message.properties, "UserProperty", [])),
    }


def tell(**what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
