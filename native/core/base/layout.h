// The shared numbers of layout.def as C++ enumerations. Method, HeaderId and ScanError are in message.h.
#pragma once

#include <cstdint>

namespace sluice {

enum RecordField : uint32_t {
#define SLUICE_RECORD_FIELD(name) kRecord_##name,
#include "core/base/layout.def"
};

enum RegisterField : uint32_t {
#define SLUICE_REGISTER_FIELD(name) kRegister_##name,
#include "core/base/layout.def"
};

enum class RegisterState : int32_t {
#define SLUICE_REGISTER_STATE(name) name,
#include "core/base/layout.def"
};

enum class LoginState : int32_t {
#define SLUICE_LOGIN_STATE(name) name,
#include "core/base/layout.def"
};

enum RegisterFlag : uint32_t {
#define SLUICE_REGISTER_FLAG(name, bit) kAsk_##name = 1u << bit,
#include "core/base/layout.def"
};

enum RegisterGrant : uint32_t {
#define SLUICE_REGISTER_GRANT(name, bit) kGrant_##name = 1u << bit,
#include "core/base/layout.def"
};

enum RequestField : uint32_t {
#define SLUICE_REQUEST_FIELD(name) kRequest_##name,
#include "core/base/layout.def"
};

enum class RequestState : int32_t {
#define SLUICE_REQUEST_STATE(name) name,
#include "core/base/layout.def"
};

enum CallerFlag : uint32_t {
#define SLUICE_CALLER_FLAG(name, bit) kCaller_##name = 1u << bit,
#include "core/base/layout.def"
};

enum VerdictField : uint32_t {
#define SLUICE_VERDICT_FIELD(name) kVerdict_##name,
#include "core/base/layout.def"
};

enum class Action : int32_t {
#define SLUICE_ACTION(name) name,
#include "core/base/layout.def"
};

enum Edit : uint32_t {
#define SLUICE_EDIT(name, bit) kEdit_##name = 1u << bit,
#include "core/base/layout.def"
};

enum class RouteKind : uint8_t {
#define SLUICE_ROUTE_KIND(name) name,
#include "core/base/layout.def"
};

enum RouteFlag : uint32_t {
#define SLUICE_ROUTE_FLAG(name, bit) kRoute_##name = 1u << bit,
#include "core/base/layout.def"
};

enum class Hop : uint8_t {
#define SLUICE_HOP(name) name,
#include "core/base/layout.def"
};

enum ContactFlag : uint32_t {
#define SLUICE_CONTACT_FLAG(name, bit) kContact_##name = 1u << bit,
#include "core/base/layout.def"
};

enum OptionFlag : uint32_t {
#define SLUICE_OPTION_FLAG(name, bit) kOption_##name = 1u << bit,
#include "core/base/layout.def"
};

enum HeaderFlag : uint32_t {
#define SLUICE_HEADER_FLAG(name, bit) kHeader_##name = 1u << bit,
#include "core/base/layout.def"
};

enum FlowFlag : uint8_t {
#define SLUICE_FLOW_FLAG(name, bit) kFlow_##name = 1u << bit,
#include "core/base/layout.def"
};

enum class Holding : uint8_t {
#define SLUICE_HOLDING(name) name,
#include "core/base/layout.def"
};

enum class Event : uint8_t {
#define SLUICE_EVENT(name) name,
#include "core/base/layout.def"
};

enum class ObjectEventKind : uint8_t {
#define SLUICE_OBJECT_EVENT(name) name,
#include "core/base/layout.def"
};

enum class Counter : uint32_t {
#define SLUICE_COUNTER(name, prose) name,
#include "core/base/layout.def"
  count_,
};

#define SLUICE_CONST(name, value) constexpr uint32_t k_##name = value;
#include "core/base/layout.def"

}  // namespace sluice
