#include "updater.h"
#include <cstring>
#include "esphome/components/json/json_util.h"
#include "esphome/core/application.h"
#include "esphome/core/log.h"

namespace esphome::smartair {

static const char *const TAG = "smartair.update";
// A third of the dwell of the fastest protection (300 ms overcurrent) for each pass through the main loop.
static constexpr uint32_t SLICE_MS = 20;
static constexpr uint32_t DEFER_MS = 3600000;
// Long enough for the last report to leave the device.
static constexpr uint32_t FAREWELL_MS = 500;

void Updater::setup(const std::string &running_version) {
  this->version_ = running_version;
  this->record_store_ = global_preferences->make_preference<Record>(fnv1_hash("smartair_update"), true);
  this->failed_store_ = global_preferences->make_preference<Failed>(fnv1_hash("smartair_update_failed"), true);
  if (!this->record_store_.load(&this->record_))
    this->record_ = {};
  if (!this->failed_store_.load(&this->failed_))
    this->failed_ = {};
  if (this->record_.pending == 0)
    return;
  this->order_.cmd_id = this->record_.cmd_id;
  this->order_.version = this->record_.to;
  if (this->version_ == this->record_.to)
    return;
  ESP_LOGW(TAG, "Version %s did not hold; %s runs again", this->record_.to, this->version_.c_str());
  this->remember_failure_(this->record_.sha256);
  this->record_.pending = 0;
  this->record_store_.save(&this->record_);
  global_preferences->sync();
  this->say_("rolled_back", 100, "rolled_back");
}

void Updater::on_contact() {
  if (!this->last_report_.empty())
    this->report(this->last_report_);
}

void Updater::say_(const char *state, int progress, const std::string &error_code) {
  this->last_report_ = json::build_json([&](JsonObject root) {
    root["cmd_id"] = this->order_.cmd_id;
    root["state"] = state;
    root["progress"] = progress;
    root["version"] = this->order_.version;
    if (!error_code.empty())
      root["error_code"] = error_code;
  });
  ESP_LOGI(TAG, "%s", this->last_report_.c_str());
  this->report(this->last_report_);
}

void Updater::refuse(const UpdateOrder &order, const std::string &error_code) {
  // A refusal must not hide the progress of the update that runs.
  const UpdateOrder running = this->order_;
  const std::string running_report = this->last_report_;
  this->order_ = order;
  this->say_("failed", 0, error_code);
  if (this->phase_ != Phase::IDLE) {
    this->order_ = running;
    this->last_report_ = running_report;
  }
}

void Updater::order(const UpdateOrder &order) {
  if (this->phase_ != Phase::IDLE) {
    if (order.cmd_id == this->order_.cmd_id)
      return this->on_contact();  // delivered twice: the answer is how far it has come
    return this->refuse(order, "busy");
  }
  std::string hex = order.checksum;
  if (hex.rfind("sha256:", 0) == 0)
    hex = hex.substr(7);
  uint8_t wanted[Sha256::SIZE];
  if (order.version.empty() || order.version.size() >= sizeof(Record::to) || order.cmd_id.size() >= sizeof(Record::cmd_id))
    return this->refuse(order, "bad_order");
  if (hex.size() != 2 * Sha256::SIZE || !parse_hex(hex.c_str(), hex.size(), wanted, sizeof(wanted)))
    return this->refuse(order, "checksum_missing");
  if (order.version == this->version_) {
    this->order_ = order;
    return this->say_("confirmed", 100);
  }
  if (!order.retry && this->failed_before_(wanted))
    return this->refuse(order, "known_bad");
  auto download = std::make_unique<HttpDownload>();
  if (!download->begin(order.url))
    return this->refuse(order, "unsupported_url");
  this->order_ = order;
  std::memcpy(this->wanted_, wanted, sizeof(wanted));
  this->say_("accepted", 0);
  this->since_ = millis();
  this->phase_ = Phase::DEFERRED;
  if (this->pumps_busy())
    this->say_("deferred", 0);
}

void Updater::cancel(const std::string &cmd_id) {
  if (cmd_id == this->order_.cmd_id && (this->phase_ == Phase::DEFERRED || this->phase_ == Phase::DOWNLOADING))
    this->fail_("cancelled", false);
}

void Updater::loop() {
  switch (this->phase_) {
    case Phase::IDLE:
      return;
    case Phase::DEFERRED:
      if (!this->pumps_busy())
        this->start_();
      else if (millis() - this->since_ > DEFER_MS)
        this->fail_("deferred_too_long", false);
      return;
    case Phase::DOWNLOADING:
      // A server that trickles would keep fill and drain locked for ever.
      if (millis() - this->since_ > this->limit_ms_)
        return this->fail_("download_timeout", false);
      return this->receive_();
    case Phase::REBOOTING:
      if (millis() - this->since_ > FAREWELL_MS)
        App.safe_reboot();
      return;
  }
}

void Updater::start_() {
  this->hold_pumps(true);
  this->phase_ = Phase::DOWNLOADING;
  this->since_ = millis();
  this->said_progress_ = 0;
  this->begun_ = false;
  this->sha_ = Sha256();
  this->download_ = std::make_unique<HttpDownload>();
  this->say_("downloading", 0);
  if (!this->download_->begin(this->order_.url))
    this->fail_("unsupported_url", false);
}

void Updater::receive_() {
  using State = HttpDownload::State;
  this->download_->poll();
  if (this->download_->state() == State::BODY && !this->begun_) {
    if (this->order_.size != 0 && this->order_.size != this->download_->content_length())
      return this->fail_("size_mismatch", false);
    this->backend_ = ota::make_ota_backend();
    const auto code = this->backend_->begin(this->download_->content_length());
    if (code != ota::OTA_RESPONSE_OK)
      return this->fail_(word_for_(code), false);
    this->begun_ = true;
  }
  uint8_t piece[1024];
  const uint32_t start = millis();
  while (this->download_->state() == State::BODY && millis() - start < SLICE_MS) {
    const size_t n = this->download_->read(piece, sizeof(piece));
    if (n == 0)
      break;
    this->sha_.add(piece, n);
    const auto code = this->backend_->write(piece, n);
    if (code != ota::OTA_RESPONSE_OK)
      return this->fail_(word_for_(code), code == ota::OTA_RESPONSE_ERROR_MAGIC);
  }
  if (this->download_->state() == State::FAILED)
    return this->fail_(this->download_->error(), false);
  if (this->download_->state() == State::DONE)
    return this->install_();
  if (this->download_->content_length() == 0)
    return;
  // Twenty reports an update: enough for a progress bar, few enough for a slow broker.
  const int progress = static_cast<int>(this->download_->bytes_read() * 20 / this->download_->content_length()) * 5;
  if (progress > this->said_progress_) {
    this->said_progress_ = progress;
    this->say_("downloading", progress);
  }
}

void Updater::install_() {
  this->download_.reset();
  this->say_("verifying", 100);
  if (!this->begun_)
    return this->fail_("download_failed", false);
  const auto digest = this->sha_.finish();
  if (std::memcmp(digest.data(), this->wanted_, Sha256::SIZE) != 0)
    return this->fail_("checksum_mismatch", true);
  this->say_("installing", 100);
  const auto code = this->backend_->end();
  if (code != ota::OTA_RESPONSE_OK)
    return this->fail_(word_for_(code), true);
  this->backend_.reset();
  this->record_ = {};
  std::strncpy(this->record_.cmd_id, this->order_.cmd_id.c_str(), sizeof(this->record_.cmd_id) - 1);
  std::strncpy(this->record_.from, this->version_.c_str(), sizeof(this->record_.from) - 1);
  std::strncpy(this->record_.to, this->order_.version.c_str(), sizeof(this->record_.to) - 1);
  std::memcpy(this->record_.sha256, this->wanted_, Sha256::SIZE);
  this->record_.answering = static_cast<uint8_t>(this->sensors_answering());
  this->record_.pending = 1;
  this->record_store_.save(&this->record_);
  global_preferences->sync();
  this->say_("rebooting", 100);
  this->phase_ = Phase::REBOOTING;
  this->since_ = millis();
}

void Updater::fail_(std::string error_code, bool remember) {
  if (this->backend_)
    this->backend_->abort();
  this->backend_.reset();
  this->download_.reset();
  if (remember)
    this->remember_failure_(this->wanted_);
  this->say_("failed", this->said_progress_ < 0 ? 0 : this->said_progress_, error_code);
  this->phase_ = Phase::IDLE;
  this->hold_pumps(false);
}

void Updater::self_test_passed() {
  if (this->safe_mode_ != nullptr)
    this->safe_mode_->mark_successful();
  if (this->record_.pending == 0)
    return;
  this->record_.pending = 0;
  this->record_store_.save(&this->record_);
  global_preferences->sync();
  this->say_("confirmed", 100);
}

void Updater::self_test_failed() {
  if (this->record_.pending == 0)
    return;
  ESP_LOGE(TAG, "The self test failed; going back to %s", this->record_.from);
  // Without having been marked as successful, the boot loader takes the slot before.
  App.reboot();
}

bool Updater::failed_before_(const uint8_t *sha256) const {
  for (const auto &one : this->failed_.sha256)
    if (std::memcmp(one, sha256, Sha256::SIZE) == 0)
      return true;
  return false;
}

void Updater::remember_failure_(const uint8_t *sha256) {
  if (this->failed_before_(sha256))
    return;
  std::memcpy(this->failed_.sha256[this->failed_.next % 4], sha256, Sha256::SIZE);
  this->failed_.next = (this->failed_.next + 1) % 4;
  this->failed_store_.save(&this->failed_);
  global_preferences->sync();
}

std::string Updater::word_for_(ota::OTAResponseTypes code) {
  switch (code) {
    case ota::OTA_RESPONSE_ERROR_SIGNATURE_INVALID:
      return "signature_invalid";
    case ota::OTA_RESPONSE_ERROR_VERSION_DOWNGRADE:
      return "downgrade";
    case ota::OTA_RESPONSE_ERROR_WRITING_FLASH:
      return "flash_error";
    case ota::OTA_RESPONSE_ERROR_NO_UPDATE_PARTITION:
    case ota::OTA_RESPONSE_ERROR_ESP32_NOT_ENOUGH_SPACE:
    case ota::OTA_RESPONSE_ERROR_UPDATE_PREPARE:
      return "no_space";
    default:
      return "image_invalid";
  }
}

}  // namespace esphome::smartair
