#pragma once
#include <memory>
#include <string>
#include "esphome/components/socket/tcp_client_link.h"

namespace esphome::smartair {

/// One HTTP/1.1 GET that never blocks the main loop, because pumps are supervised from it.
///
/// ESPHome's http_request opens the connection and, on some platforms, reads the body in one call that may take
/// many seconds. This one does only what an update from the local network needs: no TLS (a signature vouches for
/// the image, not the transport), no redirects, no chunked bodies.
class HttpDownload {
 public:
  enum class State : uint8_t { CONNECTING, HEADERS, BODY, DONE, FAILED };

  /// False when the URL is not one that can be fetched.
  bool begin(const std::string &url);
  /// Moves on as far as is possible without waiting.
  void poll();
  /// Up to len bytes of the body; 0 when none has arrived.
  size_t read(uint8_t *buf, size_t len);

  State state() const { return this->state_; }
  /// Why it failed: a word for the error_code of ota/state.
  const std::string &error() const { return this->error_; }
  size_t content_length() const { return this->length_; }
  size_t bytes_read() const { return this->done_; }

 protected:
  void fail_(const std::string &why);
  void read_headers_();
  void parse_headers_();

  socket::TcpClientLink link_;
  State state_{State::CONNECTING};
  std::string host_, path_, error_, head_;
  size_t length_{0}, done_{0}, sent_{0};
  std::string request_;
  uint16_t port_{80};
  uint32_t last_progress_{0};
};

}  // namespace esphome::smartair
