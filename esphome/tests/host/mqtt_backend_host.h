#pragma once
#include "mqtt_backend.h"

#ifdef USE_MQTT
#ifdef USE_HOST
#include <mini_mqtt.h>
#include <unistd.h>
#include <cstdlib>
#include <cstring>

namespace esphome::mqtt {

class MQTTBackendHost final : public MQTTBackend {
 public:
  void set_keep_alive(uint16_t keep_alive) final { this->c_.keepalive = keep_alive; }
  void set_client_id(const char *client_id) final { this->c_.client_id = client_id; }
  void set_clean_session(bool clean_session) final { this->c_.clean = clean_session; }
  void set_credentials(const char *username, const char *password) final {
    this->c_.has_user = username != nullptr;
    this->c_.username = username ? username : "";
    this->c_.password = password ? password : "";
  }
  void set_will(const char *topic, uint8_t qos, bool retain, const char *payload) final {
    this->c_.will_topic = topic ? topic : "";
    this->c_.will_qos = qos;
    this->c_.will_retain = retain;
    this->c_.will_payload = payload ? payload : "";
  }
  void set_server(network::IPAddress ip, uint16_t port) final {
    char buf[network::IP_ADDRESS_BUFFER_SIZE];
    this->set_server(ip.str_to(buf), port);
  }
  void set_server(const char *host, uint16_t port) final {
    this->c_.host = host;
    this->c_.port = port;
  }
  void set_on_connect(std::function<on_connect_callback_t> &&cb) final {
    this->on_connect_.add(std::move(cb));
    this->c_.on_connect = [this](bool sp) { this->on_connect_.call(sp); };
  }
  void set_on_disconnect(std::function<on_disconnect_callback_t> &&cb) final {
    this->on_disconnect_.add(std::move(cb));
    this->c_.on_disconnect = [this](int r) { this->on_disconnect_.call(static_cast<MQTTClientDisconnectReason>(r)); };
  }
  void set_on_subscribe(std::function<on_subscribe_callback_t> &&cb) final {
    this->c_.on_subscribe = [cb](uint16_t id) { cb(id, 0); };
  }
  void set_on_unsubscribe(std::function<on_unsubscribe_callback_t> &&cb) final { this->c_.on_unsubscribe = cb; }
  void set_on_message(std::function<on_message_callback_t> &&cb) final {
    this->c_.on_message = [cb](const std::string &t, const std::string &p, bool) {
      // same chunking the ESP backends deliver for payloads above the receive buffer
      for (size_t i = 0; i == 0 || i < p.size(); i += CHUNK)
        cb(t.c_str(), p.data() + i, std::min(CHUNK, p.size() - i), i, p.size());
    };
  }
  void set_on_publish(std::function<on_publish_user_callback_t> &&cb) final { this->c_.on_publish = cb; }
  bool connected() const final { return this->c_.connected(); }
  void connect() final {
    // Whatever broker the configuration names, a simulated device talks to the one of its test.
    if (const char *port = getenv("SMARTAIR_MQTT_PORT")) {
      this->c_.host = "127.0.0.1";
      this->c_.port = atoi(port);
      // An image that cannot reach the broker: any but the first version, as long as the test says so.
      const char *inputs = getenv("SMARTAIR_SIM");
      if (inputs != nullptr && strcmp(ESPHOME_PROJECT_VERSION, "1.0.0") != 0 &&
          access((std::string(inputs) + "/broker_gone").c_str(), F_OK) == 0)
        this->c_.port = 9;
    }
    this->c_.connect();
  }
  void disconnect() final { this->c_.disconnect(); }
  bool subscribe(const char *topic, uint8_t qos) final { return this->c_.subscribe(topic, qos) != 0; }
  bool unsubscribe(const char *topic) final { return this->c_.unsubscribe(topic) != 0; }
  bool publish(const char *topic, const char *payload, size_t length, uint8_t qos, bool retain) final {
    return this->c_.publish(topic, payload, length, qos, retain) != 0;
  }
  using MQTTBackend::publish;
  void loop() final { this->c_.loop(); }

 protected:
  static constexpr size_t CHUNK = 4096;
  MiniMqtt c_;
  CallbackManager<on_connect_callback_t> on_connect_;
  CallbackManager<on_disconnect_callback_t> on_disconnect_;
};

}  // namespace esphome::mqtt

#endif  // USE_HOST
#endif
