// Test-only stand-in for the part of the ArduinoJson 7 API that ESPHome and this project use on the
// host build, for machines that cannot reach the PlatformIO registry. Written from the public API.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ArduinoJson {
struct Allocator {
  virtual ~Allocator() = default;
  virtual void *allocate(size_t) = 0;
  virtual void deallocate(void *) = 0;
  virtual void *reallocate(void *, size_t) = 0;
};
namespace detail {
struct DefaultAllocator : Allocator {
  void *allocate(size_t n) override { return malloc(n); }
  void deallocate(void *p) override { free(p); }
  void *reallocate(void *p, size_t n) override { return realloc(p, n); }
  static Allocator *instance() {
    static DefaultAllocator a;
    return &a;
  }
};
struct Node;
using NodeP = std::shared_ptr<Node>;
struct Node {
  enum T { NUL, BOOL, INT, FLT, DBL, STR, OBJ, ARR } t{NUL};
  bool b{false};
  int64_t i{0};
  double d{0};
  std::string s;
  std::vector<std::pair<std::string, NodeP>> o;
  std::vector<NodeP> a;
  void reset(T nt) {
    t = nt;
    s.clear();
    o.clear();
    a.clear();
  }
  NodeP find(const std::string &k) const {
    for (auto &kv : o)
      if (kv.first == k)
        return kv.second;
    return nullptr;
  }
};
}  // namespace detail

class JsonString {
 public:
  JsonString(const char *p = nullptr, bool = false) : p_(p), n_(p ? strlen(p) : 0) {}
  JsonString(const char *p, size_t n, bool = false) : p_(p), n_(n) {}
  const char *c_str() const { return p_; }
  size_t size() const { return n_; }
  bool isNull() const { return p_ == nullptr; }
  operator const char *() const { return p_; }

 protected:
  const char *p_;
  size_t n_;
};

class JsonObject;
class JsonArray;
class JsonVariant {
 public:
  using Node = detail::Node;
  using NodeP = detail::NodeP;
  JsonVariant() = default;
  explicit JsonVariant(NodeP n) : n_(std::move(n)) {}
  JsonVariant(const JsonVariant &) = default;

  // Assignment through a proxy (root["a"] = ...) creates the member
  template<typename T> JsonVariant &operator=(const T &v) {
    this->set(v);
    return *this;
  }
  JsonVariant &operator=(const JsonVariant &o) {
    if (this->up_) {
      this->set(o);
    } else {
      this->n_ = o.n_;
      this->up_ = o.up_;
      this->key_ = o.key_;
      this->idx_ = o.idx_;
      this->is_idx_ = o.is_idx_;
    }
    return *this;
  }
  bool set(const JsonVariant &o) {
    NodeP src = o.get(), dst = this->make();
    if (!src)
      dst->reset(Node::NUL);
    else
      *dst = *src;
    return true;
  }
  bool set(const JsonString &v) {
    NodeP n = this->make();
    n->reset(Node::STR);
    n->s.assign(v.c_str() ? v.c_str() : "", v.size());
    return true;
  }
  bool set(const std::string &v) { return this->set(JsonString(v.data(), v.size())); }
  bool set(const char *v) {
    if (v)
      return this->set(JsonString(v));
    this->make()->reset(Node::NUL);
    return true;
  }
  bool set(char *v) { return this->set(static_cast<const char *>(v)); }
  bool set(std::nullptr_t) {
    this->make()->reset(Node::NUL);
    return true;
  }
  template<typename T> bool set(const T &v) {
    if constexpr (std::is_same_v<T, bool>) {
      NodeP n = this->make();
      n->reset(Node::BOOL);
      n->b = v;
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      NodeP n = this->make();
      n->reset(Node::INT);
      n->i = static_cast<int64_t>(v);
    } else if constexpr (std::is_floating_point_v<T>) {
      NodeP n = this->make();
      n->reset(sizeof(T) == 4 ? Node::FLT : Node::DBL);
      n->d = v;
    } else if constexpr (std::is_array_v<T>) {
      return this->set(static_cast<const char *>(v));
    } else if constexpr (std::is_base_of_v<JsonVariant, T>) {
      return this->set(static_cast<const JsonVariant &>(v));
    } else {
      convertToJson(v, *this);  // ADL, as ArduinoJson's custom converters
    }
    return true;
  }

  JsonVariant operator[](const char *k) const { return this->child_(std::string(k)); }
  JsonVariant operator[](char *k) const { return this->child_(std::string(k)); }
  JsonVariant operator[](const std::string &k) const { return this->child_(k); }
  template<typename I, std::enable_if_t<std::is_integral_v<I>, int> = 0> JsonVariant operator[](I i) const {
    JsonVariant v;
    v.up_ = std::make_shared<JsonVariant>();
    v.up_->bind_(*this);
    v.is_idx_ = true;
    v.idx_ = i;
    return v;
  }
  template<typename K> bool containsKey(const K &k) const {
    NodeP n = this->get();
    return n && n->find(k) != nullptr;
  }
  void remove(const std::string &k) {
    if (NodeP n = this->get())
      for (size_t i = 0; i < n->o.size(); i++)
        if (n->o[i].first == k)
          return void(n->o.erase(n->o.begin() + i));
  }
  template<typename T> bool add(const T &v) { return this->add_().set(v); }
  template<typename T> T add() { return this->add_().template to<T>(); }
  size_t size() const {
    NodeP n = this->get();
    return !n ? 0 : n->t == Node::OBJ ? n->o.size() : n->t == Node::ARR ? n->a.size() : 0;
  }
  bool isNull() const {
    NodeP n = this->get();
    return !n || n->t == Node::NUL;
  }
  explicit operator bool() const { return !this->isNull() && (this->kind_() != Node::BOOL || this->get()->b); }

  template<typename T> bool is() const {
    Node::T k = this->kind_();
    if constexpr (std::is_same_v<T, bool>)
      return k == Node::BOOL;
    else if constexpr (std::is_integral_v<T>)
      return k == Node::INT && this->get()->i >= static_cast<int64_t>(std::numeric_limits<T>::lowest()) &&
             (std::is_unsigned_v<T> && sizeof(T) == 8 ? this->get()->i >= 0
                                                      : this->get()->i <= static_cast<int64_t>(std::numeric_limits<T>::max()));
    else if constexpr (std::is_floating_point_v<T>)
      return k == Node::INT || k == Node::FLT || k == Node::DBL;
    else if constexpr (std::is_same_v<T, JsonObject>)
      return k == Node::OBJ;
    else if constexpr (std::is_same_v<T, JsonArray>)
      return k == Node::ARR;
    else if constexpr (std::is_same_v<T, JsonVariant>)
      return this->get() != nullptr;
    else
      return k == Node::STR;
  }
  template<typename T> T as() const {
    NodeP n = this->get();
    Node::T k = n ? n->t : Node::NUL;
    if constexpr (std::is_same_v<T, bool>)
      return k == Node::BOOL ? n->b : k == Node::INT ? n->i != 0 : (k == Node::FLT || k == Node::DBL) ? n->d != 0 : k != Node::NUL;
    else if constexpr (std::is_arithmetic_v<T>)
      return k == Node::INT                        ? static_cast<T>(n->i)
             : (k == Node::FLT || k == Node::DBL)  ? static_cast<T>(n->d)
             : k == Node::BOOL                     ? static_cast<T>(n->b)
             : k == Node::STR                      ? static_cast<T>(atof(n->s.c_str()))
                                                   : T();
    else if constexpr (std::is_same_v<T, const char *>)
      return k == Node::STR ? n->s.c_str() : nullptr;
    else if constexpr (std::is_same_v<T, JsonString>)
      return k == Node::STR ? JsonString(n->s.data(), n->s.size()) : JsonString();
    else if constexpr (std::is_same_v<T, std::string>) {
      if (k == Node::STR)
        return n->s;
      std::string out;
      write_(n, out);
      return out;
    } else {
      T v;
      v.bind_(is<T>() ? JsonVariant(n) : JsonVariant());
      return v;
    }
  }
  template<typename T> T to() {
    NodeP n = this->make();
    n->reset(std::is_same_v<T, JsonObject> ? Node::OBJ : std::is_same_v<T, JsonArray> ? Node::ARR : Node::NUL);
    T v;
    v.bind_(JsonVariant(n));
    return v;
  }
  template<typename T, std::enable_if_t<std::is_arithmetic_v<T> || std::is_same_v<T, const char *> || std::is_same_v<T, std::string>, int> = 0>
  operator T() const {
    return this->as<T>();
  }
  operator JsonObject() const;
  operator JsonArray() const;
  const char *operator|(const char *def) const { return this->is<const char *>() ? this->as<const char *>() : def; }
  std::string operator|(const std::string &def) const { return this->is<const char *>() ? this->as<std::string>() : def; }
  template<typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> T operator|(T def) const {
    return this->is<T>() ? this->as<T>() : def;
  }
  bool operator==(const char *s) const { return this->is<const char *>() && this->get()->s == s; }
  bool operator!=(const char *s) const { return !(*this == s); }
  template<typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> bool operator==(T v) const {
    return this->is<T>() && this->as<T>() == v;
  }

  // resolve without creating
  NodeP get() const {
    if (this->n_ || !this->up_)
      return this->n_;
    NodeP p = this->up_->get();
    if (!p)
      return nullptr;
    if (this->is_idx_)
      return p->t == Node::ARR && this->idx_ < p->a.size() ? p->a[this->idx_] : nullptr;
    return p->t == Node::OBJ ? p->find(this->key_) : nullptr;
  }
  // resolve, creating the path
  NodeP make() {
    if (this->n_)
      return this->n_;
    if (!this->up_)
      return this->n_ = std::make_shared<Node>();
    NodeP p = this->up_->make(), c = this->get();
    if (c)
      return c;
    c = std::make_shared<Node>();
    if (this->is_idx_) {
      if (p->t != Node::ARR)
        p->reset(Node::ARR);
      while (p->a.size() <= this->idx_)
        p->a.push_back(std::make_shared<Node>());
      return p->a[this->idx_];
    }
    if (p->t != Node::OBJ)
      p->reset(Node::OBJ);
    p->o.emplace_back(this->key_, c);
    return c;
  }
  void bind_(const JsonVariant &o) {
    this->n_ = o.n_;
    this->up_ = o.up_;
    this->key_ = o.key_;
    this->idx_ = o.idx_;
    this->is_idx_ = o.is_idx_;
  }
  static void write_(const NodeP &n, std::string &out) {
    char buf[40];
    if (!n) {
      out += "null";
      return;
    }
    switch (n->t) {
      case Node::NUL:
        out += "null";
        break;
      case Node::BOOL:
        out += n->b ? "true" : "false";
        break;
      case Node::INT:
        snprintf(buf, sizeof(buf), "%lld", static_cast<long long>(n->i));
        out += buf;
        break;
      case Node::FLT:
      case Node::DBL:
        if (!std::isfinite(n->d)) {
          out += "null";  // ArduinoJson writes NaN and Inf as null
          break;
        }
        snprintf(buf, sizeof(buf), n->t == Node::FLT ? "%.7g" : "%.12g", n->d);
        out += buf;
        break;
      case Node::STR:
        quote_(n->s, out);
        break;
      case Node::OBJ: {
        out += '{';
        bool first = true;
        for (auto &kv : n->o) {
          if (!first)
            out += ',';
          first = false;
          quote_(kv.first, out);
          out += ':';
          write_(kv.second, out);
        }
        out += '}';
        break;
      }
      case Node::ARR: {
        out += '[';
        for (size_t i = 0; i < n->a.size(); i++) {
          if (i)
            out += ',';
          write_(n->a[i], out);
        }
        out += ']';
        break;
      }
    }
  }

 protected:
  static void quote_(const std::string &s, std::string &out) {
    out += '"';
    for (unsigned char c : s) {
      char b[8];
      if (c == '"' || c == '\\')
        (out += '\\') += static_cast<char>(c);
      else if (c == '\n')
        out += "\\n";
      else if (c == '\r')
        out += "\\r";
      else if (c == '\t')
        out += "\\t";
      else if (c < 0x20) {
        snprintf(b, sizeof(b), "\\u%04x", c);
        out += b;
      } else
        out += static_cast<char>(c);
    }
    out += '"';
  }
  detail::Node::T kind_() const {
    NodeP n = this->get();
    return n ? n->t : Node::NUL;
  }
  JsonVariant child_(const std::string &k) const {
    JsonVariant v;
    v.up_ = std::make_shared<JsonVariant>();
    v.up_->bind_(*this);
    v.key_ = k;
    return v;
  }
  JsonVariant add_() {
    NodeP n = this->make();
    if (n->t != Node::ARR)
      n->reset(Node::ARR);
    n->a.push_back(std::make_shared<Node>());
    return JsonVariant(n->a.back());
  }
  NodeP n_;
  std::shared_ptr<JsonVariant> up_;
  std::string key_;
  size_t idx_{0};
  bool is_idx_{false};
};

struct JsonPair {
  std::string k;
  JsonVariant v;
  JsonString key() const { return {k.data(), k.size()}; }
  JsonVariant value() const { return v; }
};
class JsonObject : public JsonVariant {
 public:
  using JsonVariant::JsonVariant;
  using JsonVariant::operator=;
  struct It {
    std::vector<std::pair<std::string, detail::NodeP>>::const_iterator i;
    JsonPair operator*() const { return {i->first, JsonVariant(i->second)}; }
    It &operator++() {
      ++i;
      return *this;
    }
    bool operator!=(const It &o) const { return i != o.i; }
  };
  It begin() const { return {this->vec_().begin()}; }
  It end() const { return {this->vec_().end()}; }

 protected:
  const std::vector<std::pair<std::string, detail::NodeP>> &vec_() const {
    static const std::vector<std::pair<std::string, detail::NodeP>> EMPTY;
    NodeP n = this->get();
    return n ? n->o : EMPTY;
  }
};
class JsonArray : public JsonVariant {
 public:
  using JsonVariant::JsonVariant;
  using JsonVariant::operator=;
  struct It {
    std::vector<detail::NodeP>::const_iterator i;
    JsonVariant operator*() const { return JsonVariant(*i); }
    It &operator++() {
      ++i;
      return *this;
    }
    bool operator!=(const It &o) const { return i != o.i; }
  };
  It begin() const { return {this->vec_().begin()}; }
  It end() const { return {this->vec_().end()}; }

 protected:
  const std::vector<detail::NodeP> &vec_() const {
    static const std::vector<detail::NodeP> EMPTY;
    NodeP n = this->get();
    return n ? n->a : EMPTY;
  }
};
inline JsonVariant::operator JsonObject() const { return this->as<JsonObject>(); }
inline JsonVariant::operator JsonArray() const { return this->as<JsonArray>(); }
using JsonVariantConst = JsonVariant;
using JsonObjectConst = JsonObject;
using JsonArrayConst = JsonArray;

class JsonDocument : public JsonVariant {
 public:
  using JsonVariant::operator=;
  explicit JsonDocument(Allocator * = nullptr) { this->n_ = std::make_shared<detail::Node>(); }
  JsonDocument(const JsonObject &o) { this->n_ = o.get() ? o.get() : std::make_shared<detail::Node>(); }
  bool overflowed() const { return false; }
  void clear() { this->n_->reset(detail::Node::NUL); }
};

class DeserializationError {
 public:
  enum Code { Ok, EmptyInput, IncompleteInput, InvalidInput, NoMemory, TooDeep };
  DeserializationError(Code c = Ok) : c_(c) {}
  bool operator==(Code c) const { return c_ == c; }
  explicit operator bool() const { return c_ != Ok; }
  const char *c_str() const {
    static const char *const N[] = {"Ok", "EmptyInput", "IncompleteInput", "InvalidInput", "NoMemory", "TooDeep"};
    return N[c_];
  }

 protected:
  Code c_;
};

namespace detail {
class Parser {
 public:
  Parser(const char *p, size_t n) : p_(p), e_(p + n) {}
  DeserializationError::Code run(NodeP root) {
    this->ws_();
    if (this->p_ == this->e_)
      return DeserializationError::EmptyInput;
    this->val_(root, 0);
    return this->err_;  // like ArduinoJson: what follows the first value is not looked at
  }

 protected:
  const char *p_, *e_;
  DeserializationError::Code err_{DeserializationError::Ok};
  bool bad_(DeserializationError::Code c) {
    this->err_ = this->p_ >= this->e_ ? DeserializationError::IncompleteInput : c;
    return false;
  }
  void ws_() {
    while (this->p_ < this->e_ && strchr(" \t\r\n", *this->p_) && *this->p_)
      this->p_++;
  }
  bool lit_(const char *w) {
    for (; *w; w++, this->p_++)
      if (this->p_ >= this->e_ || *this->p_ != *w)
        return this->bad_(DeserializationError::InvalidInput);
    return true;
  }
  bool str_(std::string &out) {
    for (this->p_++; this->p_ < this->e_ && *this->p_ != '"'; this->p_++) {
      if (*this->p_ != '\\') {
        out += *this->p_;
        continue;
      }
      if (++this->p_ >= this->e_)
        break;
      static const char *const FROM = "nrtbf/\\\"", *const TO = "\n\r\t\b\f/\\\"";
      if (*this->p_ == 'u') {
        if (this->e_ - this->p_ < 5)
          return this->bad_(DeserializationError::IncompleteInput);
        unsigned c = strtoul(std::string(this->p_ + 1, 4).c_str(), nullptr, 16);
        this->p_ += 4;
        if (c < 0x80)
          out += static_cast<char>(c);
        else if (c < 0x800)
          (out += static_cast<char>(0xC0 | (c >> 6))) += static_cast<char>(0x80 | (c & 0x3F));
        else
          ((out += static_cast<char>(0xE0 | (c >> 12))) += static_cast<char>(0x80 | ((c >> 6) & 0x3F))) += static_cast<char>(0x80 | (c & 0x3F));
      } else if (const char *f = strchr(FROM, *this->p_))
        out += TO[f - FROM];
      else
        return this->bad_(DeserializationError::InvalidInput);
    }
    if (this->p_ >= this->e_)
      return this->bad_(DeserializationError::IncompleteInput);
    this->p_++;
    return true;
  }
  bool val_(NodeP n, int depth) {
    this->ws_();
    if (depth > 10) {
      this->err_ = DeserializationError::TooDeep;
      return false;
    }
    if (this->p_ >= this->e_)
      return this->bad_(DeserializationError::IncompleteInput);
    char c = *this->p_;
    if (c == '{' || c == '[') {
      bool obj = c == '{';
      n->reset(obj ? Node::OBJ : Node::ARR);
      this->p_++;
      this->ws_();
      if (this->p_ < this->e_ && *this->p_ == (obj ? '}' : ']')) {
        this->p_++;
        return true;
      }
      while (true) {
        NodeP ch = std::make_shared<Node>();
        std::string key;
        if (obj) {
          this->ws_();
          if (this->p_ >= this->e_ || *this->p_ != '"')
            return this->bad_(DeserializationError::InvalidInput);
          if (!this->str_(key))
            return false;
          this->ws_();
          if (this->p_ >= this->e_ || *this->p_ != ':')
            return this->bad_(DeserializationError::InvalidInput);
          this->p_++;
        }
        if (!this->val_(ch, depth + 1))
          return false;
        if (obj)
          n->o.emplace_back(key, ch);
        else
          n->a.push_back(ch);
        this->ws_();
        if (this->p_ >= this->e_)
          return this->bad_(DeserializationError::IncompleteInput);
        char d = *this->p_++;
        if (d == ',')
          continue;
        if (d == (obj ? '}' : ']'))
          return true;
        return this->bad_(DeserializationError::InvalidInput);
      }
    }
    if (c == '"') {
      n->reset(Node::STR);
      return this->str_(n->s);
    }
    if (c == 't' || c == 'f') {
      n->reset(Node::BOOL);
      n->b = c == 't';
      return this->lit_(n->b ? "true" : "false");
    }
    if (c == 'n') {
      n->reset(Node::NUL);
      return this->lit_("null");
    }
    std::string num;
    while (this->p_ < this->e_ && strchr("+-0123456789.eE", *this->p_) && *this->p_)
      num += *this->p_++;
    if (num.empty())
      return this->bad_(DeserializationError::InvalidInput);
    char *end;
    if (num.find_first_of(".eE") == std::string::npos) {
      n->reset(Node::INT);
      n->i = strtoll(num.c_str(), &end, 10);
    } else {
      n->reset(Node::DBL);
      n->d = strtod(num.c_str(), &end);
    }
    return *end ? this->bad_(DeserializationError::InvalidInput) : true;
  }
};
}  // namespace detail

inline DeserializationError deserializeJson(JsonDocument &doc, const char *p, size_t n) {
  doc.clear();
  return detail::Parser(p, n).run(doc.get());
}
inline DeserializationError deserializeJson(JsonDocument &doc, const uint8_t *p, size_t n) {
  return deserializeJson(doc, reinterpret_cast<const char *>(p), n);
}
inline DeserializationError deserializeJson(JsonDocument &doc, const std::string &s) { return deserializeJson(doc, s.data(), s.size()); }
inline size_t serializeJson(const JsonVariant &v, std::string &out) {
  out.clear();
  JsonVariant::write_(v.get(), out);
  return out.size();
}
inline size_t serializeJson(const JsonVariant &v, char *buf, size_t cap) {
  std::string s;
  serializeJson(v, s);
  size_t n = s.size() < cap ? s.size() : cap;  // bounded: bytes written, not the would-be size
  memcpy(buf, s.data(), n);
  if (n < cap)
    buf[n] = 0;
  return n;
}
inline size_t measureJson(const JsonVariant &v) {
  std::string s;
  return serializeJson(v, s);
}
}  // namespace ArduinoJson
using namespace ArduinoJson;
