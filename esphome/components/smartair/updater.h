#pragma once
#include <functional>
#include <memory>
#include <string>
#include "esphome/components/ota/ota_backend_factory.h"
#include "esphome/components/safe_mode/safe_mode.h"
#include "esphome/core/preferences.h"
#include "http_download.h"
#include "sha256.h"

namespace esphome::smartair {

struct UpdateOrder {
  std::string cmd_id, version, url, checksum;
  size_t size{0};
  bool retry{false}, cancel{false};
};

/// Carries out an update order and answers for the image that results from it.
///
/// An image is activated only when its SHA-256 is the one ordered, and is kept only when it passes the self test
/// after the restart. What failed is remembered by its checksum, so that a repeated order cannot make a device
/// flash and fall back for ever.
class Updater {
 public:
  using report_t = std::function<void(const std::string &payload)>;

  void setup(const std::string &running_version);
  void loop();

  void order(const UpdateOrder &order);
  /// Answers an order that cannot be taken at all.
  void refuse(const UpdateOrder &order, const std::string &error_code);
  /// Gives up an order that waits or downloads; what is already being installed goes on.
  void cancel(const std::string &cmd_id);
  void set_limit(uint32_t ms) { this->limit_ms_ = ms; }
  /// True from the moment the pumps have to stand still.
  bool active() const { return this->phase_ != Phase::IDLE && this->phase_ != Phase::DEFERRED; }
  /// A new image runs and has not yet passed its self test.
  bool on_trial() const { return this->record_.pending != 0 && this->phase_ == Phase::IDLE; }
  /// How many sensors answered when the update was ordered: a probe that was dead before must not hold it up.
  size_t answering_before() const { return this->record_.answering; }
  void self_test_passed();
  void self_test_failed();
  /// Says again what is going on; called whenever there is contact after a while without.
  void on_contact();

  void set_safe_mode(safe_mode::SafeModeComponent *safe_mode) { this->safe_mode_ = safe_mode; }
  std::function<bool()> pumps_busy;
  std::function<void(bool)> hold_pumps;
  std::function<size_t()> sensors_answering;
  report_t report;

 protected:
  enum class Phase : uint8_t { IDLE, DEFERRED, DOWNLOADING, REBOOTING };
  // Both stay under 256 bytes: the host keeps the length of a preference in one byte. The record is read by the
  // next version: its layout must never change.
  struct Record {
    char cmd_id[65], from[24], to[24];
    uint8_t sha256[Sha256::SIZE];
    uint8_t answering;
    uint8_t pending;
  } __attribute__((packed));
  struct Failed {
    uint8_t sha256[4][Sha256::SIZE];
    uint8_t next;
  } __attribute__((packed));

  void say_(const char *state, int progress, const std::string &error_code = "");
  void start_();
  void receive_();
  void install_();
  // By value: the word may belong to the download, which ends here.
  void fail_(std::string error_code, bool remember);
  void remember_failure_(const uint8_t *sha256);
  bool failed_before_(const uint8_t *sha256) const;
  static std::string word_for_(ota::OTAResponseTypes code);

  Phase phase_{Phase::IDLE};
  UpdateOrder order_;
  std::string version_, last_report_;
  uint8_t wanted_[Sha256::SIZE]{};
  std::unique_ptr<HttpDownload> download_;
  ota::OTABackendPtr backend_;
  Sha256 sha_;
  uint32_t since_{0}, limit_ms_{1800000};
  int said_progress_{-1};
  bool begun_{false};
  Record record_{};
  Failed failed_{};
  ESPPreferenceObject record_store_, failed_store_;
  safe_mode::SafeModeComponent *safe_mode_{nullptr};
};

}  // namespace esphome::smartair
