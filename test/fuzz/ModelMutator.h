//===- ModelMutator.h - changes a message field by field --------*- C++ -*-===//
//
// Bytes flipped in a serialized model are mostly no model any more. This changes what a model says and keeps it one:
// over protobuf's reflection, so that every field of the schema, also one that comes later, is among what changes.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TEST_FUZZ_MODELMUTATOR_H
#define JANUS_TEST_FUZZ_MODELMUTATOR_H

#include <google/protobuf/message.h>

#include <random>

namespace janus::fuzz {

/// Changes one thing of the message or of one below it: sets, clears or draws a field, copies, swaps, moves or deletes
/// an element of a list, puts a name that occurs elsewhere, or takes a part of `donor` (another message of the same
/// type, or null).
void mutate(google::protobuf::Message &message, const google::protobuf::Message *donor, std::mt19937 &random);

} // namespace janus::fuzz

#endif // JANUS_TEST_FUZZ_MODELMUTATOR_H
