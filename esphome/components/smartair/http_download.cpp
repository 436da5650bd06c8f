#include "http_download.h"
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include "esphome/core/hal.h"
#include "esphome/core/helpers.h"

namespace esphome::smartair {

static const char *const TAG = "smartair.download";
// A local server answers within a second; a Wi-Fi link that roams may be silent for several.
static constexpr uint32_t SILENCE_MS = 20000;
static constexpr uint32_t CONNECT_MS = 10000;
static constexpr size_t MAX_HEAD = 4096;

bool HttpDownload::begin(const std::string &url) {
  static const std::string SCHEME = "http://";
  if (url.rfind(SCHEME, 0) != 0)
    return false;
  const size_t host_at = SCHEME.size();
  const size_t path_at = std::min(url.find('/', host_at), url.size());
  std::string authority = url.substr(host_at, path_at - host_at);
  const size_t colon = authority.find(':');
  if (colon != std::string::npos) {
    const std::string digits = authority.substr(colon + 1);
    const bool plain = !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == std::string::npos;
    const int port = plain ? std::atoi(digits.c_str()) : 0;
    if (port < 1 || port > 65535)
      return false;
    this->port_ = static_cast<uint16_t>(port);
    authority.resize(colon);
  }
  // A space or a control character would let the sender of the order write headers of their own.
  const auto unsafe = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
  if (authority.empty() || authority.find('@') != std::string::npos ||
      std::any_of(url.begin(), url.end(), unsafe) || url.size() > 512)
    return false;
  this->host_ = authority;
  this->path_ = path_at < url.size() ? url.substr(path_at) : "/";
  this->request_ = "GET " + this->path_ + " HTTP/1.1\r\nHost: " + this->host_ + ":" + std::to_string(this->port_) +
                   "\r\nUser-Agent: SmartAir\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  this->link_.set_host(this->host_.c_str());
  this->link_.set_port(this->port_);
  this->link_.set_reconnect_interval(2000);
  this->link_.begin(TAG);
  this->last_progress_ = millis();
  return true;
}

void HttpDownload::fail_(const std::string &why) {
  this->link_.close();
  this->state_ = State::FAILED;
  this->error_ = why;
}

void HttpDownload::poll() {
  if (this->state_ == State::DONE || this->state_ == State::FAILED)
    return;
  const bool connecting = this->state_ == State::CONNECTING;
  if (millis() - this->last_progress_ > (connecting ? CONNECT_MS : SILENCE_MS))
    return this->fail_(connecting ? "connect_failed" : "download_timeout");
  if (this->state_ == State::CONNECTING) {
    this->link_.poll();
    if (!this->link_.connected())
      return;
    this->link_.queue(reinterpret_cast<const uint8_t *>(this->request_.data()), this->request_.size());
    this->state_ = State::HEADERS;
  }
  this->link_.flush_tx();
  if (this->state_ == State::HEADERS)
    this->read_headers_();
}

void HttpDownload::read_headers_() {
  uint8_t byte;
  // One byte at a time, so that nothing of the body is taken with the headers.
  while (true) {
    const ssize_t n = this->link_.read(&byte, 1);
    if (n < 0)
      return this->fail_("download_failed");
    if (n == 0)
      return;
    this->last_progress_ = millis();
    this->head_ += static_cast<char>(byte);
    if (this->head_.size() > MAX_HEAD)
      return this->fail_("download_failed");
    if (this->head_.size() >= 4 && this->head_.compare(this->head_.size() - 4, 4, "\r\n\r\n") == 0)
      return this->parse_headers_();
  }
}

void HttpDownload::parse_headers_() {
  int status = 0;
  if (sscanf(this->head_.c_str(), "HTTP/%*d.%*d %d", &status) != 1)
    return this->fail_("download_failed");
  if (status != 200)
    return this->fail_("http_" + std::to_string(status));
  std::string lower;
  for (char c : this->head_)
    lower += static_cast<char>(tolower(static_cast<unsigned char>(c)));
  const size_t at = lower.find("\r\ncontent-length:");
  if (at == std::string::npos || lower.find("\r\ntransfer-encoding:") != std::string::npos)
    return this->fail_("length_unknown");
  this->length_ = std::strtoul(lower.c_str() + at + 17, nullptr, 10);
  this->head_.clear();
  this->head_.shrink_to_fit();
  this->state_ = this->length_ > 0 ? State::BODY : State::DONE;
}

size_t HttpDownload::read(uint8_t *buf, size_t len) {
  if (this->state_ != State::BODY)
    return 0;
  const ssize_t n = this->link_.read(buf, std::min(len, this->length_ - this->done_));
  if (n < 0) {
    this->fail_("download_failed");
    return 0;
  }
  if (n == 0)
    return 0;
  this->last_progress_ = millis();
  this->done_ += n;
  if (this->done_ == this->length_) {
    this->link_.close();
    this->state_ = State::DONE;
  }
  return n;
}

}  // namespace esphome::smartair
