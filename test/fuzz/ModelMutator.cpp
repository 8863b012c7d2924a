#include "test/fuzz/ModelMutator.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace janus::fuzz {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

size_t draw(size_t below, std::mt19937 &random) { return below ? random() % below : 0; }

template <typename Message, typename Visit> void forEach(Message &message, Visit visit) {
  visit(message);
  const pb::Reflection *reflection = message.GetReflection();
  std::vector<const Field *> fields;
  reflection->ListFields(message, &fields);
  for (const Field *field : fields) {
    if (field->cpp_type() != Field::CPPTYPE_MESSAGE)
      continue;
    int size = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i)
      if constexpr (std::is_const_v<Message>)
        forEach(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                     : reflection->GetMessage(message, field),
                visit);
      else
        forEach(field->is_repeated() ? *reflection->MutableRepeatedMessage(&message, field, i)
                                     : *reflection->MutableMessage(&message, field),
                visit);
  }
}

/// The message and all below it, most of them deep down.
std::vector<pb::Message *> messagesOf(pb::Message &message) {
  std::vector<pb::Message *> all;
  forEach(message, [&](pb::Message &inner) { all.push_back(&inner); });
  return all;
}

/// A string of the same field somewhere in `root`: names that occur make edges, cycles and duplicates.
std::string knownString(const pb::Message &root, const Field *field, std::mt19937 &random) {
  std::vector<std::string> known;
  forEach(root, [&](const pb::Message &inner) {
    const pb::Reflection *reflection = inner.GetReflection();
    for (int i = 0; i < inner.GetDescriptor()->field_count(); ++i) {
      const Field *other = inner.GetDescriptor()->field(i);
      if (other->type() != Field::TYPE_STRING && other->type() != Field::TYPE_BYTES)
        continue;
      if (other != field && draw(8, random))
        continue;
      if (other->is_repeated())
        for (int k = 0; k < reflection->FieldSize(inner, other); ++k)
          known.push_back(reflection->GetRepeatedString(inner, other, k));
      else if (reflection->HasField(inner, other))
        known.push_back(reflection->GetString(inner, other));
    }
  });
  return known.empty() ? "x" : known[draw(known.size(), random)];
}

int64_t number(int64_t old, std::mt19937 &random) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const int64_t values[] = {0, 1, -1, 2, 3, 16, 255, 1 << 20, int64_t{1} << 31, int64_t{1} << 40, kMax, -kMax - 1};
  switch (draw(4, random)) {
  case 0:
    return static_cast<int64_t>(static_cast<uint64_t>(old) + 1);
  case 1:
    return static_cast<int64_t>(static_cast<uint64_t>(old) - 1);
  default:
    return values[draw(std::size(values), random)];
  }
}

double real(std::mt19937 &random) {
  const double values[] = {
      0, -1, 1, 0.5, 1e38, 1e-45, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()};
  return values[draw(std::size(values), random)];
}

/// Sets field `index` of a list, adds to it (index -1), or sets a single field.
void setScalar(pb::Message &message, const Field *field, int index, const pb::Message &root, std::mt19937 &random) {
  const pb::Reflection *r = message.GetReflection();
  auto put = [&](auto set, auto setRepeated, auto add, auto value) {
    if (!field->is_repeated())
      (r->*set)(&message, field, value);
    else if (index < 0)
      (r->*add)(&message, field, value);
    else
      (r->*setRepeated)(&message, field, index, value);
  };
  using R = pb::Reflection;
  int64_t value = number(field->cpp_type() == Field::CPPTYPE_INT64 && !field->is_repeated()
                             ? r->GetInt64(message, field)
                             : static_cast<int64_t>(draw(64, random)),
                         random);
  switch (field->cpp_type()) {
  case Field::CPPTYPE_INT32:
    return put(&R::SetInt32, &R::SetRepeatedInt32, &R::AddInt32, static_cast<int32_t>(value));
  case Field::CPPTYPE_INT64:
    return put(&R::SetInt64, &R::SetRepeatedInt64, &R::AddInt64, value);
  case Field::CPPTYPE_UINT32:
    return put(&R::SetUInt32, &R::SetRepeatedUInt32, &R::AddUInt32, static_cast<uint32_t>(value));
  case Field::CPPTYPE_UINT64:
    return put(&R::SetUInt64, &R::SetRepeatedUInt64, &R::AddUInt64, static_cast<uint64_t>(value));
  case Field::CPPTYPE_FLOAT:
    return put(&R::SetFloat, &R::SetRepeatedFloat, &R::AddFloat, static_cast<float>(real(random)));
  case Field::CPPTYPE_DOUBLE:
    return put(&R::SetDouble, &R::SetRepeatedDouble, &R::AddDouble, real(random));
  case Field::CPPTYPE_BOOL:
    return put(&R::SetBool, &R::SetRepeatedBool, &R::AddBool, (value & 1) != 0);
  case Field::CPPTYPE_ENUM: {
    int drawn = static_cast<int>(draw(field->enum_type()->value_count(), random));
    return put(&R::SetEnumValue, &R::SetRepeatedEnumValue, &R::AddEnumValue,
               field->enum_type()->value(drawn)->number());
  }
  case Field::CPPTYPE_STRING:
    return put(&R::SetString, &R::SetRepeatedString, &R::AddString, knownString(root, field, random));
  case Field::CPPTYPE_MESSAGE:
    return;
  }
}

/// Something of the donor in place of, or beside, what the field has.
bool splice(pb::Message &message, const Field *field, const pb::Message &donor, std::mt19937 &random) {
  std::vector<const pb::Message *> parts;
  forEach(donor, [&](const pb::Message &inner) {
    if (inner.GetDescriptor() == field->message_type())
      parts.push_back(&inner);
  });
  if (parts.empty())
    return false;
  const pb::Reflection *r = message.GetReflection();
  const pb::Message &part = *parts[draw(parts.size(), random)];
  if (part.ByteSizeLong() > 1 << 16)
    return false;
  std::unique_ptr<pb::Message> copy(part.New()); // the part may hold the target, or go when a oneof takes the target
  copy->CopyFrom(part);
  pb::Message &target = field->is_repeated() ? *r->AddMessage(&message, field) : *r->MutableMessage(&message, field);
  target.CopyFrom(*copy);
  if (field->is_repeated())
    r->SwapElements(&message, field, static_cast<int>(draw(r->FieldSize(message, field), random)),
                    r->FieldSize(message, field) - 1);
  return true;
}

void changeList(pb::Message &message, const Field *field, const pb::Message &root, std::mt19937 &random) {
  const pb::Reflection *r = message.GetReflection();
  int size = r->FieldSize(message, field);
  int at = static_cast<int>(draw(size, random)), other = static_cast<int>(draw(size, random));
  bool messages = field->cpp_type() == Field::CPPTYPE_MESSAGE;
  switch (draw(4, random)) {
  case 0: // delete
    r->SwapElements(&message, field, at, size - 1);
    return r->RemoveLast(&message, field);
  case 1:
    return r->SwapElements(&message, field, at, other);
  case 2: // one more
    if (messages) {
      pb::Message &added = *r->AddMessage(&message, field);
      return added.CopyFrom(r->GetRepeatedMessage(message, field, at));
    }
    return setScalar(message, field, -1, root, random);
  default:
    if (!messages)
      setScalar(message, field, at, root, random);
  }
}

} // namespace

void mutate(pb::Message &root, const pb::Message *donor, std::mt19937 &random) {
  std::vector<pb::Message *> all = messagesOf(root);
  pb::Message &message = *all[draw(all.size(), random)];
  const pb::Descriptor *descriptor = message.GetDescriptor();
  const pb::Reflection *r = message.GetReflection();
  std::vector<const Field *> set;
  r->ListFields(message, &set);
  // What is there is changed more often than something new appears.
  const Field *field = set.empty() || !draw(4, random)
                           ? descriptor->field(static_cast<int>(draw(descriptor->field_count(), random)))
                           : set[draw(set.size(), random)];
  if (field->is_repeated() && r->FieldSize(message, field) && draw(4, random))
    return changeList(message, field, root, random);
  if (field->cpp_type() != Field::CPPTYPE_MESSAGE)
    return !field->is_repeated() && !draw(6, random) ? r->ClearField(&message, field)
                                                     : setScalar(message, field, -1, root, random);
  if (!field->is_repeated() && !draw(6, random))
    return r->ClearField(&message, field);
  if (!splice(message, field, donor && draw(2, random) ? *donor : root, random) && field->is_repeated())
    r->AddMessage(&message, field);
}

} // namespace janus::fuzz
